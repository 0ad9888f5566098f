"""What `disallowed-tools` takes away while a skill is active."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from openskills_core.policy.decisions import forbidding
from openskills_core.policy.names import OUR_TOOLS, known_name
from openskills_core.policy.rules import Asked, Rule, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Removal = Literal["whole", "pattern"]


def removes(
    disallowed: Iterable[str], tool: str, detail: str = "", *, around: Surroundings | None = None
) -> Rule | None:
    """Return the first item of `disallowed-tools` that takes this use of a tool away, or None.

    Items match as deny rules do. One that cannot be read takes the whole tool away that it names. `Bash` takes
    commands and scripts away, for to Claude a script is a command.

    Args:
        disallowed: The skill's `disallowed-tools`.
        tool: Claude's name or ours.
        detail: As for `check`; "" asks about the tool as a whole.
        around: What else is known about the use.
    """
    around = around or Surroundings()
    rules = (rule.with_variables(around.variables, grants=False) for rule in _rules(disallowed))
    found = forbidding(rules, Asked(known_name(tool), detail, around), denies=True)
    return found[0] if found else None


def removed_tools(disallowed: Iterable[str]) -> Mapping[str, Removal]:
    """Return which of our tools `disallowed-tools` takes away: the "whole" tool, or the uses that match a "pattern"."""
    found: dict[str, Removal] = {}
    rules = _rules(disallowed)
    for tool in OUR_TOOLS:
        about = [rule for rule in rules if rule.covers(tool)]
        if about:
            found[tool] = "pattern" if all(rule.pattern for rule in about) else "whole"
    return found


def _rules(items: Iterable[str]) -> list[Rule]:
    found: list[Rule] = []
    for text in items:
        try:
            found.append(Rule.parse(text))
        except ValueError:
            name = known_name(text.strip().partition("(")[0].rstrip(" )"))
            found += [Rule(text, name)] if name else []
    return found
