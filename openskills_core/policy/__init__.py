"""What the host allows: rules and answers in, one decision and one grant out. Pure; it touches no disk.

deny > ask > allow > the baseline or the fallback. A skill's trusted `allowed-tools` turns "ask" into "allow" and does
nothing else: it never answers "deny" and adds no domain, path or variable. Whole-tool rules shape the sandbox;
patterned rules bind the tools only, for they read the text of a command, and there are many ways to write one.
"""

from __future__ import annotations

from openskills_core.policy.approvals import Approvals, Approver, Use
from openskills_core.policy.decisions import check, check_kind, decide, validate_policy
from openskills_core.policy.grants import Verdict, authorize
from openskills_core.policy.rules import Rule, claude_name

__all__ = [
    "Approvals",
    "Approver",
    "Rule",
    "Use",
    "Verdict",
    "authorize",
    "check",
    "check_kind",
    "claude_name",
    "decide",
    "validate_policy",
]
