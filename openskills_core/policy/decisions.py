"""One decision about one use of one tool, by the rule that speaks first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core.models import Decision, HostPolicy
from openskills_core.policy.rules import COMMANDS, READERS, SKILLS, WRITERS, Rule, known_name, misspelt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openskills_core.models import Outcome
    from openskills_core.policy.approvals import Approvals, Use

_BASELINE = COMMANDS | READERS | WRITERS | SKILLS
_SHELL_KINDS = {"command": "Commands are", "shell": "Shell scripts are"}


def validate_policy(policy: HostPolicy) -> None:
    """Read every rule of `policy`, so that a misspelt one is found before anything runs.

    Raises:
        ValueError: naming the first rule that cannot be read, or whose tool looks like a known one misspelt.
    """
    for text in (*policy.deny, *policy.ask, *policy.allow):
        tool = Rule.parse(text).tool
        if meant := misspelt(tool):
            # A deny rule that denies nothing is worse than an error; a tool of the host's own may have any other name.
            raise ValueError(f"the rule {text!r} names no known tool; did you mean {meant}?")


def check(
    policy: HostPolicy, tool: str, detail: str = "", *, declared: Sequence[str] = (), trusted: bool = True
) -> Decision:
    """Decide one use of one tool without asking anybody.

    Args:
        policy: The host's rules.
        tool: Claude's name or ours.
        detail: What the tool is used for: the command, `script arg…`, the path, the URL, the skill's id.
        declared: The skill's `allowed-tools`; an item that cannot be read grants nothing.
        trusted: False for a skill whose source is not trusted; its declaration then says nothing.

    Returns:
        The outcome with the rule that decided: its text, `allowed-tools: <item>`, "baseline" or "fallback". What no
        rule decides is allowed for commands, scripts, files and skills, whose limit is the sandbox; for every other
        tool it is `policy.fallback`.

    Raises:
        ValueError: for a rule of the policy that cannot be read.
    """
    tool = known_name(tool)
    decision = ruled(policy, tool, detail) or _unruled(policy, tool, detail)
    return answered(policy, decision, tool, detail, declared=declared if trusted else ())


def check_kind(policy: HostPolicy, kind: str) -> Decision:
    """Decide whether a program of this kind ("command", "shell", "python", "node", …) may start at all.

    Denying the whole of `Bash` refuses commands and shell scripts, which are nothing without new processes. The other
    kinds may start; the sandbox refuses them new processes.

    Raises:
        ValueError: for a rule of the policy that cannot be read.
    """
    rule = next((rule for rule in map(Rule.parse, policy.deny) if _is_whole_bash(rule)), None)
    if rule is None or kind not in _SHELL_KINDS:
        return Decision("allow", "baseline", f"A program of the kind {kind} may start.")
    return Decision("deny", rule.text, f'{_SHELL_KINDS[kind]} denied by the rule "{rule.text}" in HostPolicy.deny.')


def decide(policy: HostPolicy, use: Use, approvals: Approvals) -> Decision:
    """Decide one use of a tool for good, "allow" or "deny", and ask the approver where the rules say so.

    Raises:
        ValueError: for a rule of the policy that cannot be read.
    """
    return approvals.settle(use, check(policy, use.tool, use.detail, declared=use.declared, trusted=use.trusted))


def ruled(policy: HostPolicy, tool: str, detail: str) -> Decision | None:
    """Return what the first rule that matches says, or None: deny before ask before allow."""
    outcomes: tuple[Outcome, ...] = ("deny", "ask", "allow")
    for outcome in outcomes:
        rules = [Rule.parse(text) for text in getattr(policy, outcome)]
        if outcome == "deny" and tool == "run_skill_script":
            # A script that starts no process may still run; `check_kind` refuses those that cannot do without.
            rules = [rule for rule in rules if not _is_whole_bash(rule)]
        if rule := _first(rules, tool, detail, grants=outcome == "allow"):
            verb = {"deny": "is denied by", "ask": "has to be approved because of", "allow": "is allowed by"}[outcome]
            reason = f'{_subject(tool, detail)} {verb} the rule "{rule.text}" in HostPolicy.{outcome}.'
            return Decision(outcome, rule.text, reason)
    return None


def answered(policy: HostPolicy, decision: Decision, tool: str, detail: str, *, declared: Iterable[str]) -> Decision:
    """Let the declaration of a skill answer "ask", if the host trusts declarations. It changes nothing else."""
    if decision.outcome != "ask" or not policy.trust_skill_allowed_tools:
        return decision
    rule = _first(_readable(declared), tool, detail, grants=True)
    if rule is None:
        return decision
    reason = f'{_subject(tool, detail)} is approved by "{rule.text}" in the skill\'s allowed-tools.'
    return Decision("allow", f"allowed-tools: {rule.text}", reason)


def _unruled(policy: HostPolicy, tool: str, detail: str) -> Decision:
    subject = _subject(tool, detail)
    if tool in _BASELINE:
        return Decision("allow", "baseline", f"{subject} is allowed from the start, within the sandbox.")
    verb = {"deny": "is denied", "ask": "has to be approved", "allow": "is allowed"}[policy.fallback]
    reason = f'{subject} {verb}: no rule names it and HostPolicy.fallback is "{policy.fallback}".'
    return Decision(policy.fallback, "fallback", reason)


def _first(rules: Iterable[Rule], tool: str, detail: str, *, grants: bool) -> Rule | None:
    return next((rule for rule in rules if rule.matches(tool, detail, grants=grants)), None)


def _readable(declared: Iterable[str]) -> Iterable[Rule]:
    for text in declared:
        try:
            yield Rule.parse(text)
        except ValueError:
            continue


def _is_whole_bash(rule: Rule) -> bool:
    return rule.tool == "Bash" and not rule.pattern


def _subject(tool: str, detail: str) -> str:
    longest = 120
    shown = detail if len(detail) <= longest else f"{detail[:longest]}…"
    return f"{tool} for {shown!r}" if detail else tool
