"""`openskills doctor`: what the sandbox here is worth, measured, and tried by attacking it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from openskills_core.cli.options import json_option
from openskills_core.cli.output import Style, headline, one_line, print_json, say, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openskills_core.models import Mechanism, SandboxReport
    from openskills_core.sandbox.check import CanaryResult, State

_SHOWN: dict[State, tuple[str, Style]] = {
    "held": ("held", "green"),
    "out": ("GOT OUT", "red"),
    "hole": ("known hole", "yellow"),
    "void": ("not shown", "yellow"),
}
_NO_SANDBOX = 4
_STATE_WIDTH = 12


@dataclass(frozen=True, slots=True)
class _Findings:
    """What was found. `outcomes` is empty where there was no sandbox to attack."""

    report: SandboxReport
    outcomes: Sequence[CanaryResult]

    @property
    def missing(self) -> list[str]:
        return [mechanism.name for mechanism in self.report.mechanisms if not mechanism.holds]

    @property
    def failed(self) -> list[CanaryResult]:
        return [outcome for outcome in self.outcomes if not outcome.ok]

    @property
    def status(self) -> int:
        if not self.report.available:
            return _NO_SANDBOX
        return 1 if self.missing or self.failed else 0


@click.command(epilog="Example: openskills doctor")
@click.option("--sandbox", metavar="NAME", default="auto", help="A sandbox by name. [default: auto, the strongest]")
@click.option("--python", metavar="PATH", help="The interpreter of .py scripts. [default: the one that runs this]")
@json_option
def doctor(sandbox: str, python: str | None, *, as_json: bool) -> int:
    """Measure the sandbox here, then attack it.

    Each attack, a canary, is let loose outside of the sandbox too, on things planted for it, to show that it is live.
    The exit status is 0 when all of them were stopped and every mechanism holds, 1 when not, 4 without a sandbox.
    """
    found = _examined(sandbox, python)
    if as_json:
        print_json(_document(found))
    else:
        _print(found)
    _warn(found, sandbox)
    return found.status


def _examined(name: str, python: str | None) -> _Findings:
    from openskills_core.programs import Programs
    from openskills_core.sandbox import SandboxChoice
    from openskills_core.sandbox.check import check

    choice = SandboxChoice(name)
    try:
        report = choice.report()
        if not report.available:
            return _Findings(report, ())
        program = Programs(python).python
        return _Findings(report, check(choice(), program.executable, program.needs, report.leaves_open))
    finally:
        choice.close()


def _document(found: _Findings) -> dict[str, Any]:
    canaries = [asdict(outcome) for outcome in found.outcomes]
    return {"ok": found.status == 0, **asdict(found.report), "canaries": canaries}


def _print(found: _Findings) -> None:
    report = found.report
    headline(_summary(found), "green" if found.status == 0 else "red")
    _print_mechanisms("seen from inside the sandbox", report.mechanisms, missing="red")
    _print_mechanisms("offered by this machine", report.machine, missing="yellow")
    _print_outcomes(found.outcomes)
    _print_list("not stopped by this tier", report.holes)
    _print_list("what to do", [report.fix] if report.fix else [])


def _summary(found: _Findings) -> str:
    report = found.report
    if not report.available:
        return "no sandbox: scripts are refused here"
    held = sum(outcome.state == "held" for outcome in found.outcomes)
    holding = len(report.mechanisms) - len(found.missing)
    mechanisms = f"{holding} of {len(report.mechanisms)} mechanisms hold"
    return f"tier {report.tier} ({report.backend}): {mechanisms}, {held} of {len(found.outcomes)} canaries were stopped"


def _print_mechanisms(title: str, mechanisms: Sequence[Mechanism], *, missing: Style) -> None:
    rows = [
        ("ok" if one.holds else "missing", "green" if one.holds else missing, one.name, f"{one.errno} {one.detail}")
        for one in mechanisms
    ]
    _print_rows(title, rows)


def _print_outcomes(outcomes: Sequence[CanaryResult]) -> None:
    rows = [(*_SHOWN[outcome.state], outcome.name, outcome.detail) for outcome in outcomes]
    _print_rows("canaries, each of them live outside of the sandbox", rows)


def _print_rows(title: str, rows: Sequence[tuple[str, Style, str, str]]) -> None:
    if not rows:
        return
    width = max(len(name) for _, _, name, _ in rows)
    say()
    headline(title)
    for state, style, name, detail in rows:
        headline(f"  {state:<{_STATE_WIDTH}}{name:<{width}}  {one_line(detail)}".rstrip(), style)


def _print_list(title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    say()
    headline(title)
    for line in lines:
        say(f"  - {one_line(line)}")


def _warn(found: _Findings, name: str) -> None:
    """Say on standard error, where it is not to be overlooked, what makes the check fail."""
    if not found.report.available:
        warn(f"error: {one_line(found.report.fix)}")
    _warn_of("CANARIES GOT OUT", [outcome for outcome in found.failed if outcome.state == "out"])
    _warn_of("canaries show nothing", [outcome for outcome in found.failed if outcome.state == "void"])
    if found.missing:
        warn(f"error: not held by the sandbox: {', '.join(found.missing)}")
    if name == "unconfined":
        warn("this is what was asked for: --sandbox unconfined is no isolation at all")


def _warn_of(what: str, outcomes: Sequence[CanaryResult]) -> None:
    if outcomes:
        warn(f"error: {what}: {'; '.join(outcome.name for outcome in outcomes)}")
