"""The self-test: tiny attacks in the very sandbox that scripts get, each proven to be live outside of it.

"Blocked" means something only where the same attack succeeds without a sandbox, so each canary is let loose twice: in
the sandbox, and on planted things of its own without one. What counts is what the host finds afterwards, not what the
attack says of itself; and an attack that did not even begin shows nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openskills_core.models import Ended, Job, Limits, Mount
from openskills_core.sandbox.bait import Bait, planted
from openskills_core.sandbox.canaries import CANARIES, Canary
from openskills_core.sandbox.unconfined import UnconfinedSandbox

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from openskills_core.sandbox import Sandbox

State = Literal["held", "out", "hole", "void"]

_LONGEST_MS = 8_000
_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """What became of one canary, and whether that is as the tier claims.

    "held": it is live outside and was stopped. "out": it got out. "hole": it got out by a way that this tier is known
    to leave open. "void": nothing was shown, because it did not begin or fails without a sandbox as well.
    """

    name: str
    state: State
    detail: str
    ok: bool


def check(
    sandbox: Sandbox, python: Path, needs: Sequence[Mount], leaves_open: Collection[str] = ()
) -> tuple[CanaryResult, ...]:
    """Let every canary loose in `sandbox` and return what became of each, in a fixed order.

    Args:
        sandbox: the sandbox to try; it has to be able to run the interpreter.
        python: the interpreter that runs the attacks.
        needs: what that interpreter has to see.
        leaves_open: the names of those that this sandbox's own report says it does not stop.

    Raises:
        SandboxUnavailableError: the sandbox cannot be had.
        OSError: the things to reach for cannot be planted.
    """
    with planted() as inside, planted() as outside, ThreadPoolExecutor(_AT_ONCE) as pool:
        trial = _Trial(sandbox, python, tuple(needs), leaves_open, inside, outside)
        # The slow ones stand at the end of the list, and are best begun with.
        return tuple(reversed(list(pool.map(trial.result, reversed(CANARIES)))))


@dataclass(frozen=True, slots=True)
class _Trial:
    """One check: the sandbox, and two sets of bait, so that what happens outside is never taken for an escape."""

    sandbox: Sandbox
    python: Path
    needs: tuple[Mount, ...]
    leaves_open: Collection[str]
    inside: Bait
    outside: Bait

    def result(self, canary: Canary) -> CanaryResult:
        """Let one canary loose and say what became of it."""
        struck = self._let_loose(canary, self.sandbox, self.inside)
        if canary.got_out(self.inside, struck):
            if canary.name in self.leaves_open:
                return CanaryResult(canary.name, "hole", "this tier is known not to stop it", ok=True)
            return CanaryResult(canary.name, "out", f"it got out of tier {struck.sandbox.tier}", ok=False)
        freely = self._let_loose(canary, UnconfinedSandbox(), self.outside)
        if not (canary.is_live or canary.got_out)(self.outside, freely):
            why = f"it fails without a sandbox as well ({_last_word(freely)})"
            return CanaryResult(canary.name, "void", why, ok=not canary.planted)
        if not _began(struck):
            said = struck.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            return CanaryResult(canary.name, "void", f"it did not even begin: {said or _last_word(struck)}", ok=False)
        return CanaryResult(canary.name, "held", _last_word(struck), ok=True)

    def _let_loose(self, canary: Canary, sandbox: Sandbox, bait: Bait) -> Ended:
        """Run an attack; one that is to be ended by time gets more of it until it has begun."""
        limits = canary.limits
        while True:
            ended = sandbox.run(self._job(canary, bait, limits))
            if _began(ended) or ended.status != "timeout" or limits.timeout_ms >= _LONGEST_MS:
                return ended
            limits = replace(limits, timeout_ms=4 * limits.timeout_ms)

    def _job(self, canary: Canary, bait: Bait, limits: Limits) -> Job:
        return Job(
            argv=(str(self.python), "-I", "-S", "-", canary.attack, *canary.words(bait)),
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            cwd=bait.workspace,
            mounts=(*self.needs, Mount(bait.workspace, "write"), Mount(bait.skill)),
            limits=limits,
            stdin=Path(__file__).with_name("attacks.py").read_bytes(),
        )


def _began(ended: Ended) -> bool:
    return b"begun" in ended.stdout.split(b"\n", 1)[0]


def _last_word(ended: Ended) -> str:
    """Return what stopped an attack: the error that it met, or the limit that ended it."""
    last = ended.stdout.decode(errors="replace").strip().rpartition("\n")[2]
    if not last.startswith("tried "):
        return ended.reason or ended.status
    return last.removeprefix("tried ").replace("passed", "to no effect")
