"""The adapter, fourth part: what rules say about uses of tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from openskills_core import Decision, HostPolicy
from openskills_core.format import parse_skill
from openskills_core.policy import Rule, Surroundings, check, removes, validate_policy
from openskills_core.policy.decisions import answered, readable, ruled
from openskills_core.policy.patterns import BLANK, STAR
from openskills_core.policy.rules import Asked
from tests.conformance.corpus import content

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.conformance.corpus import Case

_NO_RULE = Decision("ask", "none", "no rule speaks")


def listed_tools(case: Case, _root: Path) -> dict[str, Any]:
    """Observe the items of `allowed-tools`, or of the field that the case names, and the rules that they are."""
    source = ["---", "name: demo", "description: Says hello.", *case.input["frontmatter"], "---", "Wave."]
    manifest = parse_skill(content(source), Path("demo/SKILL.md"), "demo").manifest
    grants = case.input.get("field") != "disallowed-tools"
    items = manifest.allowed_tools if grants else manifest.disallowed_tools
    variables = case.input.get("variables", {})
    rules = [rule.with_variables(variables, grants=grants) for rule in readable(items)]
    return {"items": list(items), "rules": [_written(rule) for rule in rules]}


def _written(rule: Rule) -> str:
    pattern = rule.pattern.replace(BLANK, " ").replace(STAR, "*")
    return f"{rule.tool}({pattern})" if pattern else rule.tool


def decided(case: Case, _root: Path) -> dict[str, Any]:
    """Observe the outcome of each use, "none" where no rule speaks."""
    return {"uses": [_outcome(case, use) for use in case.expect["uses"]]}


def _outcome(case: Case, use: Mapping[str, Any]) -> str:
    rules: Mapping[str, Sequence[str]] = case.input["rules"]
    asked = Asked(use["tool"], use["detail"], _around(case, use))
    if removes(rules.get("skill-deny", ()), asked.tool, asked.detail, around=asked.around):
        return "deny"
    policy = _policy(rules, asked)
    declared = () if case.input.get("remote") else rules.get("skill", ())
    decision = answered(policy, ruled(policy, asked) or _NO_RULE, asked, declared)
    if decision.rule == _NO_RULE.rule or not _stands(policy, asked, decision, declared):
        return "none"
    return decision.outcome


def _around(case: Case, use: Mapping[str, Any]) -> Surroundings:
    return Surroundings(
        workspace=case.input.get("cwd", ""),
        home=case.input.get("home", ""),
        real=case.input.get("links", {}).get(use["detail"], ""),
        parameters=use.get("input", {}),
    )


def _policy(rules: Mapping[str, Sequence[str]], asked: Asked) -> HostPolicy:
    # The workspace may be written from the start here: for a command that does, a host that wants to be asked says so.
    also = ("Edit",) if asked.is_command else ()
    return HostPolicy(
        fallback="ask",
        allow=_readable("allow", rules.get("allow", ())),
        ask=(*_readable("ask", rules.get("ask", ())), *also),
        deny=_readable("deny", rules.get("deny", ())),
    )


def _stands(policy: HostPolicy, asked: Asked, decision: Decision, declared: Sequence[str]) -> bool:
    """Whether what the rules allow is allowed in the end: a question to a person never is."""
    final = check(policy, asked.tool, asked.detail, declared=declared, around=asked.around)
    return decision.outcome != "allow" or final.outcome == "allow"


def _readable(kind: Literal["allow", "ask", "deny"], rules: Sequence[str]) -> list[str]:
    """Return the rules that a host may write: a policy with any other is refused, and the host is told which."""
    return [text for text in rules if _is_readable(kind, text)]


def _is_readable(kind: Literal["allow", "ask", "deny"], text: str) -> bool:
    try:
        validate_policy(HostPolicy(allow=(text,)) if kind == "allow" else HostPolicy(deny=(text,)))
    except ValueError:
        return False
    return True
