"""What the doctor says, in one table a language: a second language is a second table with the same keys.

Texts are filled in with `str.format`: `{layer}` and the numbers that a rule passes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lepton_lab.doctor import words_before, words_during
from lepton_lab.doctor.words_fixes import FIXES as _FIXES

__all__ = ["FIXES", "WORDS", "Words", "fix_label", "language", "say", "set_language", "title_of"]


@dataclass(frozen=True)
class Words:
    """What one rule says.

    Attributes:
        title: Plain words with the field's term in brackets.
        explanation: What was seen; with its numbers.
        why: Why it happens.
        source: The paper or page that says so.
        url: Where it can be read.
        no_fix: What to do by hand where nothing can be applied.
        forms: Other explanations, by the name that a rule gives as `form`.
        titles: Other titles, by the same names.
    """

    title: str
    explanation: str
    why: str
    source: str
    url: str
    no_fix: str
    forms: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)


WORDS: dict[str, dict[str, Words]] = {
    "en": {name: Words(**entry) for name, entry in {**words_before.WORDS, **words_during.WORDS}.items()}
}
"""What every rule says, by language and rule."""

FIXES: dict[str, dict[str, str]] = {"en": dict(_FIXES)}
"""Labels of fixes, by language and key."""

_language = "en"


def language() -> str:
    """The language in which findings are written."""
    return _language


def set_language(name: str) -> None:
    """Chooses the language of findings from now on; what a language lacks is said in English.

    Raises:
        UnknownNameError: There is no table for it.
    """
    global _language
    if name not in WORDS:
        from lepton_lab.errors import UnknownNameError

        raise UnknownNameError("language", name, WORDS)
    _language = name


def say(rule: str, *, fixed: bool, form: str = "", **values: Any) -> dict[str, str]:
    """The texts of a finding.

    Args:
        rule: The rule.
        fixed: Whether there are fixes; where not, it says what to do by hand.
        form: Which of the rule's explanations.
        **values: What the texts are filled in with.
    """
    words = WORDS[_language].get(rule) or WORDS["en"][rule]
    filled = _Filled(values)
    return {
        "title": words.titles.get(form, words.title).format_map(filled),
        "explanation": words.forms.get(form, words.explanation).format_map(filled),
        "why": words.why.format_map(filled),
        "source": words.source,
        "url": words.url,
        "no_fix": "" if fixed else words.no_fix.format_map(filled),
    }


def title_of(rule: str) -> str:
    """A rule's title as a heading, where no numbers are known."""
    return (WORDS[_language].get(rule) or WORDS["en"][rule]).title


def fix_label(key: str, **values: Any) -> str:
    """A fix's label."""
    table = FIXES.get(_language, {})
    return (table.get(key) or FIXES["en"][key]).format_map(_Filled(values))


class _Filled(dict[str, Any]):
    """Values of a text; numbers are written with three figures where the text asks for nothing else."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, float):
            return _Number(value)
        return value


class _Number(float):
    def __format__(self, spec: str) -> str:
        return format(float(self), spec or ".3g")
