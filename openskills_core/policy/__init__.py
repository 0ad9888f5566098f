"""What the host allows: rules and answers in, one decision and one grant out. Pure; it touches no disk.

deny > ask > allow > the baseline or the fallback. A skill's trusted `allowed-tools` turns "ask" into "allow" and does
nothing else: it never answers "deny" and adds no domain, path or variable. Whole-tool rules shape the sandbox;
patterned rules bind the tools only, for they read the text of a command, and there are many ways to write one.

    names         one table of tool names            rules       Tool(pattern): what a rule is about
    syntax        text → a syntax tree that holds    path_rules  patterns of paths
    words         quotes and expansions resolved     domains     patterns of domains
    drafts        tree → simple commands             commands    patterns of commands
    shell         variables looked up                files       files that a command names
    wrappers      programs that start programs       decisions   the rule that speaks first
    removals      disallowed-tools                   approvals   asking; grants: what the sandbox is told
"""

from __future__ import annotations

from openskills_core.policy.approvals import Approvals, Approver, Use
from openskills_core.policy.decisions import check, check_kind, decide, validate_policy
from openskills_core.policy.grants import Verdict, authorize
from openskills_core.policy.names import claude_name, is_about_files
from openskills_core.policy.removals import removed_tools, removes
from openskills_core.policy.rules import Rule, Surroundings

__all__ = [
    "Approvals",
    "Approver",
    "Rule",
    "Surroundings",
    "Use",
    "Verdict",
    "authorize",
    "check",
    "check_kind",
    "claude_name",
    "decide",
    "is_about_files",
    "removed_tools",
    "removes",
    "validate_policy",
]
