"""Pages of the app without a browser: the fake comm of the widgets' tests, and a workspace of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from lepton_lab.app.visit import Visit
from lepton_lab.workspace import Workspace
from tests.widgets.conftest import fast_pump, open_view, wire

__all__ = ["fast_pump", "open_view", "wire"]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A new workspace, the current one while a test runs."""
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "work"))
    return Workspace(tmp_path / "work")


@pytest.fixture
def visit(workspace: Workspace) -> Visit:
    """Somebody who has just come."""
    return Visit(workspace)
