"""One decision about one use of one tool, by the rule that speaks first."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from openskills_core.models import Decision, HostPolicy
from openskills_core.policy.commands import allows, approvable
from openskills_core.policy.files import STREAMS
from openskills_core.policy.names import BASH, COMMANDS, READERS, SKILLS, WRITERS, has_kind, known_name, misspelt
from openskills_core.policy.path_rules import is_beneath
from openskills_core.policy.rules import Asked, Rule, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openskills_core.models import Outcome
    from openskills_core.policy.approvals import Approvals, Use
    from openskills_core.policy.shell import Redirect

_BASELINE = COMMANDS | READERS | WRITERS | SKILLS
_WHOLE_BASH = BASH.names - set(BASH.ours)
# To bash these are network connections, whatever the direction.
_CONNECTIONS = ("/dev/tcp/", "/dev/udp/")
_SHELL_KINDS = {"command": "Commands are", "shell": "Shell scripts are"}
_VERBS = {"deny": "is denied by", "ask": "has to be approved because of", "allow": "is allowed by"}


def validate_policy(policy: HostPolicy) -> None:
    """Read every rule of `policy`, so that a misspelt one is found before anything runs.

    Raises:
        ValueError: naming the first granted host or rule that cannot be read, a rule whose tool looks like a known
            one misspelt, or one that allows tools by a `*` in their name.
    """
    if policy.network:
        from openskills_core.netrules import NetRules

        NetRules.parse(policy.network)
    for text in (*policy.deny, *policy.ask, *policy.allow):
        tool = Rule.parse(text).tool
        if meant := misspelt(tool):
            # A deny rule that denies nothing is worse than an error; a tool of the host's own may have any other name.
            raise ValueError(f"the rule {text!r} names no known tool; did you mean {meant}?")
    for text in policy.allow:
        if not Rule.parse(text).may_grant:
            raise ValueError(
                f"the rule {text!r} cannot allow: * in a tool's name may stand behind mcp__<server>__ only"
            )


def check(
    policy: HostPolicy,
    tool: str,
    detail: str = "",
    *,
    declared: Sequence[str] = (),
    trusted: bool = True,
    around: Surroundings | None = None,
) -> Decision:
    """Decide one use of one tool without asking anybody.

    Args:
        policy: The host's rules.
        tool: Claude's name or ours.
        detail: What the tool is used for: the command, `script arg…`, the path, the URL, the skill's id.
        declared: The skill's `allowed-tools`; an item that cannot be read grants nothing.
        trusted: False for a skill whose source is not trusted; its declaration then says nothing.
        around: What else is known about the use.

    Returns:
        The outcome with the rule that decided: its text, `allowed-tools: <item>`, "baseline" or "fallback"; several
        rules that share the parts of a command are joined by commas. What no rule decides is allowed for commands,
        scripts, files and skills, whose limit is the sandbox; for every other tool it is `policy.fallback`. A question
        to a person is never allowed, at best it is asked.

    Raises:
        ValueError: for a rule of the policy that cannot be read.
    """
    asked = Asked(known_name(tool), detail, around or Surroundings())
    decision = answered(policy, ruled(policy, asked) or _unruled(policy, asked), asked, declared if trusted else ())
    if decision.outcome == "allow" and has_kind(asked.tool, "question"):
        return Decision("ask", decision.rule, f"{_subject(asked)} is for the person to answer, whatever a rule allows.")
    return decision


def check_kind(policy: HostPolicy, kind: str) -> Decision:
    """Decide whether a program of this kind ("command", "shell", "python", "node", …) may start at all.

    Denying the whole of `Bash` refuses commands and shell scripts, which are nothing without new processes. The other
    kinds may start; the sandbox refuses them new processes.

    Raises:
        ValueError: for a rule of the policy that cannot be read.
    """
    rule = next((rule for rule in map(Rule.parse, policy.deny) if not rule.pattern and rule.covers("Bash")), None)
    if rule is None or kind not in _SHELL_KINDS:
        return Decision("allow", "baseline", f"A program of the kind {kind} may start.")
    return Decision("deny", rule.text, f'{_SHELL_KINDS[kind]} denied by the rule "{rule.text}" in HostPolicy.deny.')


def decide(policy: HostPolicy, use: Use, approvals: Approvals) -> Decision:
    """Decide one use of a tool for good, "allow" or "deny", and ask the approver where the rules say so.

    Raises:
        ValueError: for a rule of the policy that cannot be read.
    """
    decision = check(policy, use.tool, use.detail, declared=use.declared, trusted=use.trusted, around=use.around)
    return approvals.settle(use, decision)


def ruled(policy: HostPolicy, asked: Asked) -> Decision | None:
    """Return what the first rule that matches says, or None: deny before ask before allow."""
    outcomes: tuple[Outcome, ...] = ("deny", "ask")
    for outcome in outcomes:
        rules = [Rule.parse(text) for text in getattr(policy, outcome)]
        if outcome == "deny" and asked.tool == "run_skill_script":
            # A script that starts no process may still run; `check_kind` refuses those that cannot do without.
            rules = [rule for rule in rules if rule.pattern or rule.tool not in _WHOLE_BASH]
        if found := forbidding(rules, asked, denies=outcome == "deny"):
            rule, doubt = found
            reason = f'{_subject(asked)} {_VERBS[outcome]} the rule "{rule.text}" in HostPolicy.{outcome}'
            advice = f", for {doubt}; write the command more plainly" if doubt else ""
            return Decision(outcome, rule.text, f"{reason}{advice}.")
    allowing = _approving(policy, [Rule.parse(text) for text in policy.allow], asked)
    if not allowing:
        return None
    reason = f"{_subject(asked)} is allowed by {_quoted(allowing)} in HostPolicy.allow."
    return Decision("allow", _texts(allowing), reason)


def forbidding(rules: Iterable[Rule], asked: Asked, *, denies: bool) -> tuple[Rule, str] | None:
    """Return the first rule that is about this use, and why that is not certain, "" if it is. Certain ones go first."""
    found = [(rule, doubt) for rule in rules if (doubt := rule.forbids(asked, denies=denies)) is not None]
    return min(found, key=lambda one: bool(one[1]), default=None)


def answered(policy: HostPolicy, decision: Decision, asked: Asked, declared: Iterable[str]) -> Decision:
    """Let the declaration of a skill answer "ask", if the host trusts declarations. It changes nothing else."""
    if decision.outcome != "ask" or not policy.trust_skill_allowed_tools:
        return decision
    rules = _approving(
        policy, [rule.with_variables(asked.around.variables, grants=True) for rule in readable(declared)], asked
    )
    if not rules:
        return decision
    reason = f"{_subject(asked)} is approved by {_quoted(rules)} in the skill's allowed-tools."
    return Decision("allow", f"allowed-tools: {_texts(rules)}", reason)


def readable(items: Iterable[str]) -> list[Rule]:
    """Return those items of a skill's declaration that are rules."""
    found: list[Rule] = []
    for text in items:
        try:
            found.append(Rule.parse(text))
        except ValueError:
            continue
    return found


def _approving(policy: HostPolicy, rules: list[Rule], asked: Asked) -> tuple[Rule, ...]:
    """Return the rules that allow this use, one or, for the parts of a command line, several; () if they do not."""
    if whole := next((rule for rule in rules if rule.allows(asked)), None):
        return (whole,)
    about = [rule for rule in rules if rule.pattern and rule.may_grant and rule.covers(asked.tool)]
    if not asked.is_command or not asked.detail or not about:
        return ()
    line = approvable(asked.detail, asked.around.known)
    if line is None:
        return ()
    found: dict[str, Rule] = {}
    for part in line.parts:
        named = [rule for rule in about if allows(rule.pattern, part)][:1]
        if part.problem or (part.forms and not named):
            return ()
        for redirect in part.redirects:
            writing = _writing(policy, rules, asked, redirect, leaves=line.leaves)
            if writing is None:
                return ()
            named += writing
        found |= {rule.text: rule for rule in named}
    return tuple(found.values())


def _writing(
    policy: HostPolicy, rules: list[Rule], asked: Asked, redirect: Redirect, *, leaves: bool
) -> list[Rule] | None:
    """Return the rules by which a command may be redirected there, none for the workspace; None when it may not.

    Args:
        policy: The host's rules, which may take the workspace back.
        rules: Those that are to allow the command; only one for Edit allows a file outside the workspace.
        asked: The command.
        redirect: Where it goes.
        leaves: Whether the command changes the directory, so that a relative path says nothing.
    """
    path = redirect.target.value
    if path.startswith(_CONNECTIONS):
        return None
    if not redirect.writes or path in STREAMS:
        return []
    if not redirect.target.known or redirect.target.home or (leaves and not posixpath.isabs(path)):
        return None
    edit = Asked("Edit", path, Surroundings(asked.around.workspace, asked.around.home))
    if named := [rule for rule in rules if rule.allows(edit)][:1]:
        return named
    decision = ruled(policy, edit)
    inside = is_beneath(asked.around.workspace, path) and (decision is None or decision.outcome == "allow")
    return [] if inside else None


def _unruled(policy: HostPolicy, asked: Asked) -> Decision:
    subject = _subject(asked)
    if asked.tool in _BASELINE:
        return Decision("allow", "baseline", f"{subject} is allowed from the start, within the sandbox.")
    verb = {"deny": "is denied", "ask": "has to be approved", "allow": "is allowed"}[policy.fallback]
    reason = f'{subject} {verb}: no rule names it and HostPolicy.fallback is "{policy.fallback}".'
    return Decision(policy.fallback, "fallback", reason)


def _texts(rules: Iterable[Rule]) -> str:
    return ", ".join(rule.text for rule in rules)


def _quoted(rules: Sequence[Rule]) -> str:
    names = [f'"{rule.text}"' for rule in rules]
    return f"the rule {names[0]}" if len(names) == 1 else f"the rules {', '.join(names[:-1])} and {names[-1]}"


def _subject(asked: Asked) -> str:
    longest = 120
    shown = asked.detail if len(asked.detail) <= longest else f"{asked.detail[:longest]}…"
    return f"{asked.tool} for {shown!r}" if asked.detail else asked.tool
