"""What the app's frame says. Plain words first, the field's term in brackets."""

from typing import Final

__all__ = ["LOADING", "NO_PROJECT", "UNTITLED"]

LOADING: Final = "Reading the data"
UNTITLED: Final = "My project"
NO_PROJECT: Final = {
    "title": "There is no such project here",
    "detail": "It may have been deleted, or the address belongs to another workspace.",
    "fix": "Open one of your projects below, or begin a new one.",
}
