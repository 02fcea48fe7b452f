"""What a rule is, and the registry of all rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from lepton_lab.doctor.findings import Evidence, Finding, Severity
from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.words import WORDS, Words, say
from lepton_lab.errors import PluginError
from lepton_lab.plugins import load_plugins
from lepton_lab.registry import BUILT_IN, Registry, current_provider

if TYPE_CHECKING:
    from lepton_lab.doctor.case import Case

__all__ = ["RULES", "Phase", "Rule", "Threshold", "register_rule"]

Phase = Literal["before", "during"]
R = TypeVar("R", bound="type[Rule]")


@dataclass(frozen=True)
class Threshold:
    """A number that a rule compares with.

    Attributes:
        value: The number.
        source: Who says so, or how it was chosen.
    """

    value: float
    source: str


class Rule(ABC):
    """One thing that can be wrong, and how to see it.

    A subclass states its class variables and implements `check`. What it says is in `words`: a plugin passes its own
    to `register_rule`.

    Attributes:
        name: Its name, such as "vanishing-gradient".
        phases: "before" training, "during" it, or both.
        reads: The quantities that it looks at: probes by name, or "loss", "val_loss", "data", "settings", "network".
        thresholds: Its numbers by name.
    """

    name: ClassVar[str]
    phases: ClassVar[tuple[Phase, ...]]
    reads: ClassVar[tuple[str, ...]] = ()
    thresholds: ClassVar[Mapping[str, Threshold]] = {}

    @abstractmethod
    def check(self, case: Case) -> Iterator[Finding]:
        """The findings in a case; none where all is well or where there is nothing to judge by."""

    @classmethod
    def limit(cls, name: str) -> float:
        """The value of one of its thresholds."""
        return cls.thresholds[name].value

    def finding(
        self,
        severity: Severity,
        *,
        layer: str | None = None,
        since: int | None = None,
        evidence: Evidence | None = None,
        fixes: tuple[Fix, ...] = (),
        **values: Any,
    ) -> Finding:
        """A finding of this rule, its text filled in from the strings table.

        Args:
            severity: How bad it is.
            layer: The layer, if it is about one.
            since: The step since which it is so.
            evidence: A small plot.
            fixes: What can be done, best first.
            **values: Numbers for the text. `form` picks another wording where the table has several.
        """
        return Finding(
            rule=self.name, severity=severity, layer=layer, since_step=since, evidence=evidence, fixes=fixes,
            values={"layer": layer, **values}, **say(self.name, layer=layer, fixed=bool(fixes), **values),
        )  # fmt: skip


RULES: Registry[type[Rule]] = Registry("rule", load_plugins)
"""Every rule by name."""


def register_rule(cls: R | None = None, *, words: Mapping[str, Words] | None = None) -> Any:
    """Adds a rule; use it as a decorator.

    Args:
        cls: The rule's class.
        words: What it says by language, for a plugin's rule: `{"en": Words(…)}`.

    Raises:
        PluginError: The name is taken, or there are no words for it.
    """

    def add(rule: R) -> R:
        for language, text in (words or {}).items():
            WORDS.setdefault(language, {})[rule.name] = text
        if rule.name not in WORDS["en"]:
            raise PluginError(
                f"the rule {rule.name!r} has no words", do='Pass them: @register_rule(words={"en": Words(…)})'
            )
        built_in = rule.__module__.startswith("lepton_lab.")
        provider = BUILT_IN if built_in else current_provider(rule.__module__)
        RULES.add(rule.name, rule, provider=provider)
        return rule

    return add if cls is None else add(cls)
