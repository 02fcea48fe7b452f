"""Errors say what, where, expected, received and what to do."""

import pytest

from lepton_lab import errors
from lepton_lab.errors import LeptonError, MissingExtraError, ShapeError, UnknownNameError


def test_message_has_all_parts_in_order() -> None:
    error = LeptonError("the file is short", where="a.csv:3", expected="4 columns", received="3", do="Mend line 3")
    assert str(error) == "a.csv:3: the file is short. Expected 4 columns. Received 3. Mend line 3."


def test_unknown_name_suggests_the_closest() -> None:
    error = UnknownNameError("layer", "linaer", ["Linear", "Conv2d"])
    assert str(error) == "unknown layer 'linaer'. Did you mean 'Linear'?"
    assert isinstance(error, KeyError)


def test_unknown_name_lists_all_where_none_is_close() -> None:
    assert "Conv2d, Linear" in str(UnknownNameError("layer", "zzz", ["Linear", "Conv2d"]))


def test_missing_extra_gives_the_install_line() -> None:
    error = MissingExtraError("tensorboard", "tensorboard", "exporting event files")
    assert "pip install 'lepton-lab[tensorboard]'" in str(error)
    assert isinstance(error, ImportError)


def test_fixes_travel_with_the_error() -> None:
    assert ShapeError("no", path="linear_1", fixes=["fix"]).fixes == ("fix",)


@pytest.mark.parametrize("name", errors.__all__)
def test_the_tree_in_the_docstring_is_true(name: str) -> None:
    value = getattr(errors, name)
    if isinstance(value, type):
        assert issubclass(value, LeptonError)
        assert name in (errors.__doc__ or "")
