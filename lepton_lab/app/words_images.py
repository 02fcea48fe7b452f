"""What the images door says. Plain words first, the field's term in brackets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from lepton_lab.errors import DataError, UnsafeDataError

__all__ = [
    "files_word",
    "images_word",
    "listed",
    "listed_lines",
    "problem",
    "trouble",
    "why_unreadable",
]

UNTITLED: Final = "My images"
LOOKING: Final = "Looking through the files"
CHECKING: Final = "Checking every image"
LOADING: Final = "Reading the images"
NAME_NEEDED: Final = "A name is needed, of up to 80 letters"
NAME_NEEDED_FIX: Final = "Write what these images show, such as: apple"
NOTHING_YET: Final = "There are no images yet"
NOTHING_YET_FIX: Final = "Choose some first"

_SHOWN = 3


def images_word(count: int) -> str:
    """Such as "2,000 images"."""
    return "1 image" if count == 1 else f"{count:,} images"


def files_word(count: int) -> str:
    """Such as "1 file"."""
    return "1 file" if count == 1 else f"{count:,} files"


_TROUBLES: Final = (
    ("nothing arrived", "Nothing arrived", "The folder is empty, or the upload was cut off.",
     "Choose a folder with one folder of images per class, or a zip of one."),
    ("holds other archives", "This zip only holds other zips",
     "Zips inside a zip are never opened: {received}.", "Unpack it once, and drop the folder that is inside."),
    ("path leaves its folder", "This zip is not safe to open",
     "A file in it wants to be put outside of its folder, as harmful zips do.",
     "Unpack it with a program that you trust, and drop the folder itself."),
    ("is a link", "This zip is not safe to open", "A file in it is a link to another place on the disk.",
     "Pack the folder again with the images themselves."),
    ("is a special file", "This zip is not safe to open", "It holds something that is neither a file nor a folder.",
     "Pack the folder again with the images only."),
    ("is encrypted", "This zip has a password", "The images in it cannot be read without it.",
     "Unpack it with the password, and drop the folder."),
    ("decompression bomb", "This zip is not safe to open",
     "It would unpack to very many times its own size, as harmful zips do.",
     "If you know where it comes from, unpack it yourself and drop the folder."),
    ("too many", "This zip is too large", "It holds more than can be opened here ({received}; {expected}).",
     "Use a part of the images."),
    ("cannot be read as a zip", "This zip cannot be opened", "It is damaged, empty, or no zip at all.",
     "Copy or download it again, or drop the folder with the images instead."),
    ("the archive is not a zip", "This kind of archive cannot be opened", "{received} is no zip.",
     "Unpack it and drop the folder, or pack it as a zip."),
    ("there are several archives", "These are several archives", "{received}.",
     "Drop one zip with one folder of images per class, or unpack them and drop the folder."),
    ("the file is not an image", "This file is not an image", "{received} is of another kind.",
     "Choose images (JPEG, PNG, WebP), a folder of them, or a zip."),
    ("there are no images", "There are no images in it", "Received: {received}.",
     "Choose a folder with one folder of images per class: JPEG, PNG or WebP."),
    ("none of", "None of the images can be read", "{received}", "Check that the copy or download is complete."),
    ("only images of one class", "Only one class is left", "The images of the others cannot be read: {received}",
     "Add images of another class, or replace the damaged ones."),
    ("fewer than two classes", "There is only one class", "A network learns to tell classes apart, so it needs two.",
     "Add images of another class, or sort these into two."),
    ("do not fit into memory", "The images do not fit into memory", "{received}.", "Choose a smaller image size."),
    ("no longer here", "These images are no longer here", "They were deleted, or lie in another workspace.",
     "Choose the images again."),
)  # fmt: skip


def trouble(error: Exception) -> dict[str, str]:
    """Why an upload cannot be used at all: title, detail and fix."""
    if isinstance(error, DataError):
        for needle, title, detail, fix in _TROUBLES:
            if needle in error.what:
                said = detail.format(received=error.received or "", expected=error.expected or "")
                return {"title": title, "detail": said, "fix": fix}
        title = "This is not safe to open" if isinstance(error, UnsafeDataError) else "These images cannot be used"
        return {"title": title, "detail": error.what, "fix": ""}
    if isinstance(error, OSError):
        return {
            "title": "The images could not be read from the disk",
            "detail": error.strerror or str(error),
            "fix": "Check the disk's free space and try again.",
        }
    return {"title": "Something unexpected happened", "detail": str(error), "fix": "Choose the images again."}


_REASONS: Final = (
    ("the file is empty", "is empty (0 bytes)"),
    ("a PDF", "is a PDF, not an image"),
    ("a zip", "is a zip, not an image"),
    ("an SVG", "is a drawing of lines (SVG); save it as PNG"),
    ("a web page", "is a web page, not an image"),
    ("not an image that can be read", "is not an image, whatever its name says"),
    ("too many pixels", "is too large"),
    ("too large for an image", "is too large"),
    ("truncated or damaged", "is damaged"),
    ("header is damaged", "is damaged"),
    ("cannot be opened", "cannot be opened"),
)


def why_unreadable(reason: str) -> str:
    """Why one image cannot be read, to stand after its name."""
    said = next((words for needle, words in _REASONS if needle in reason), "cannot be read")
    size = re.search(r"[\d,]+ × [\d,]+|\d+ pixels", reason)
    if said != "is too large" or size is None:
        return said
    pixels = re.fullmatch(r"(\d+) pixels", size[0])
    return f"{said}: {int(pixels[1]) / 1e6:,.0f} million pixels" if pixels else f"{said}: {size[0]} pixels"


def listed(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    shown = ", ".join(name.rpartition("/")[2] for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")


def listed_lines(lines: Sequence[str]) -> str:
    """The first of some sentences' beginnings, and how many more there are."""
    return "; ".join(lines[:_SHOWN]) + (f"; and {len(lines) - _SHOWN:,} more." if len(lines) > _SHOWN else ".")


def problem(kind: str, *, count: int = 0, names: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """What stands in the list of what was found: how serious, title, detail, and what a click does about it.

    Args:
        kind: Which; see the cases.
        count: How many files or images.
        names: Their names.
        **more: What the words of this kind need.
    """
    images = images_word(count)
    isare = "is" if count == 1 else "are"
    words: dict[str, tuple[str, str, str, str, str]] = {
        # kind: level, title, detail, what the button does, what the button says once it is done
        "unreadable": ("warn", f"{images} cannot be read, and {isare} left out", more.get("detail", ""), "", ""),
        "other": ("info", f"{files_word(count)} {isare} not used", more.get("detail", ""), "", ""),
        "tiny": ("warn", f"{images} {isare} tiny", f"Under {more.get('side')} pixels high or wide: {listed(names)}.",
                 "Leave out", "left out"),
        "blank": ("warn", f"{images} {'shows' if count == 1 else 'show'} nothing", f"One colour throughout: "
                  f"{listed(names)}.", "Leave out", "left out"),
        "twice": ("warn", f"{images} {isare} there more than once",
                  f"Copies make a network look better than it is: {listed(names)}.", "Keep one of each",
                  "one of each is kept"),
        "both": ("warn", f"{images} {isare} in two classes at once",
                 f"The same picture cannot be both: {listed(names)}.", "Leave out", "left out"),
        "alike": ("warn", f"{' and '.join(names)} are nearly the same name",
                  "If they mean the same, they should be one class.", f"Join as {more.get('into')}", ""),
        "few": ("warn", f"{', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}: few images",
                f"{more.get('detail', '')} Ten per class are enough to begin, more are better.", "", ""),
        "unbalanced": ("info", f"The largest class has {more.get('times', 0):.0f} times as many images as the smallest",
                       "A network may simply guess the large one (class imbalance). Mistakes in small classes can "
                       "count more while it trains.", "Count classes equally", "classes count equally"),
        "by_name": ("info", "The classes come from the files' names",
                    "The images lie in no folders, so the beginning of each name was taken.", "", ""),
        "loose": ("warn", f"{images} {isare} in no class, and not used", f"{listed(names)}.", "", ""),
        "no_classes": ("danger", "Which image shows what?",
                       "The images lie in one pile. Say what the classes are, and put each image into one.", "", ""),
        "one_class": ("danger", f"There is only one class{f': {names[0]}' if names else ''}",
                      "A network learns to tell classes apart, so it needs at least two. Sort some of the images into "
                      "another class, or begin again with a folder for each class.", "", ""),
    }  # fmt: skip
    level, title, detail, remedy, done = words[kind]
    into = str(more.get("into", ""))
    return {
        "kind": kind,
        "level": level,
        "title": title,
        "detail": detail,
        "remedy": remedy,
        "done": done,
        "into": into,
    }


OTHER_KINDS: Final = {
    "heic": "{files} as HEIC, as iPhones make: save as JPEG and add them again",
    "archive": "{files} packed (zip inside): unpack first",
    "outside": "{files} outside of the folders train, valid and test",
    "link": "{files} a link",
    "other": "{files} of another kind ({endings})",
}
"""What is said of files that are not used, by their kind."""
