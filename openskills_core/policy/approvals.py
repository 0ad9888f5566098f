"""Asking a person, and remembering an answer that was given for good."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from openskills_core.models import Approval, ApprovalRequest, Decision
from openskills_core.policy.names import claude_name, has_kind, known_name
from openskills_core.policy.rules import Surroundings

Approver = Callable[[ApprovalRequest], Approval | Awaitable[Approval]]


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a tool, and on whose behalf.

    `declared` are the skill's `allowed-tools`, void unless `trusted`. `digest` names the skill's content, so that an
    answer given for good ends when the skill changes. `approved` says that the framework's human agreed to this use.
    `around` is what else is known about it.
    """

    tool: str
    detail: str = ""
    skill_id: str = ""
    digest: str = ""
    declared: tuple[str, ...] = ()
    trusted: bool = True
    approved: bool = False
    around: Surroundings = field(default_factory=Surroundings)


class Approvals:
    """The host's approver and its memory: `ALLOW_ALWAYS` holds for one skill id, digest, tool and rule.

    What puts a question to a person is asked each time.

    Threads may share it. The approver is called without a lock held, in the thread that asks; an awaitable that it
    returns is awaited in an event loop of its own.
    """

    def __init__(self, callback: Approver | None = None) -> None:
        self._callback = callback
        self._always: set[tuple[str, str, str, str]] = set()
        self._lock = threading.Lock()

    def settle(self, use: Use, decision: Decision) -> Decision:
        """Turn "ask" into "allow" or "deny"; any other decision comes back as it is.

        Without an approver, and when the approver raises or gives no `Approval`, the answer is "deny".
        """
        if decision.outcome != "ask":
            return decision
        if use.approved:
            return Decision("allow", decision.rule, f"{decision.reason} The framework's human approved it.")
        key = (use.skill_id, use.digest, claude_name(known_name(use.tool)), decision.rule)
        with self._lock:
            if key in self._always:
                return Decision("allow", decision.rule, f"{decision.reason} The approver allowed it for good.")
        answer, remark = self._ask(use, decision)
        if answer is Approval.ALLOW_ALWAYS and not has_kind(known_name(use.tool), "question"):
            with self._lock:
                self._always.add(key)
        reason = f"{decision.reason} {remark}"
        return Decision("deny" if answer is Approval.DENY else "allow", decision.rule, reason)

    def _ask(self, use: Use, decision: Decision) -> tuple[Approval, str]:
        if self._callback is None:
            return Approval.DENY, "There is nobody to ask: pass approve=… to the runtime, or change that setting."
        request = ApprovalRequest(use.skill_id, claude_name(known_name(use.tool)), use.detail, decision.reason)
        try:
            answer: object = self._callback(request)
            answer = _awaited(answer) if isinstance(answer, Awaitable) else answer
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in the host's code must mean no
            return Approval.DENY, f"The approver failed with {type(error).__name__}: {error}"
        if not isinstance(answer, Approval):
            return Approval.DENY, f"The approver gave {answer!r}, which is no Approval."
        return answer, f"The approver answered {answer.value}."


def _awaited(answer: Awaitable[object]) -> object:
    """Wait in a fresh thread, for the calling one may be running an event loop already."""
    import asyncio
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    async def wait() -> object:
        try:
            return await answer
        except asyncio.CancelledError as error:
            # It is the approver that was cancelled, not the call that asks it.
            raise RuntimeError("it was cancelled") from error

    executor = ThreadPoolExecutor(1)
    try:
        return executor.submit(contextvars.copy_context().run, asyncio.run, wait()).result()
    finally:
        executor.shutdown(wait=False)
