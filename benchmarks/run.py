"""Ratios within one run: what a sandboxed call, an import and a discovery cost beside the plain thing.

`make bench` prints a table and writes `benchmarks/results.json`. The two sides of a ratio take turns, so that a machine
that slows down slows both; medians and 95th percentiles are over those turns. Absolute times belong to the machine.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.discovery import comparisons
from openskills_core import AuditLog, OpenSkillRuntime

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Ratio:
    """One row: `ratio` is ours over the plain thing, times in milliseconds, `target` the most it should be."""

    name: str
    ratio: float
    ours_ms: float
    ours_p95_ms: float
    plain_ms: float
    target: float | None = None


def measure(
    name: str, ours: Callable[[], object], plain: Callable[[], object], *, turns: int, target: float | None = None
) -> Ratio:
    """Let the two sides take turns and return the ratio of their medians."""
    ours(), plain()
    mine, theirs = [], []
    for _ in range(turns):
        mine.append(_timed(ours))
        theirs.append(_timed(plain))
    middle, other = statistics.median(mine), statistics.median(theirs)
    return Ratio(name, middle / other, middle, statistics.quantiles(mine, n=20)[-1], other, target)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _run(*words: str) -> None:
    subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=True)


def _skill(folder: Path, skill_id: str, scripts: dict[str, str] | None = None) -> None:
    root = folder / skill_id
    root.mkdir(parents=True)
    text = f"---\nname: {skill_id}\ndescription: Does number {skill_id}. Use it when a benchmark runs.\n---\nBody.\n"
    (root / "SKILL.md").write_text(text, encoding="utf-8")
    for name, content in (scripts or {}).items():
        (root / name).write_text(content, encoding="utf-8")


def calls(folder: Path) -> list[Ratio]:
    """Compare whole calls, audit record and artifacts included, with an unsandboxed subprocess."""
    imports = "import json, re, argparse, csv, pathlib\n"
    _skill(folder / "skills", "bench", {"pass.py": "pass\n", "imports.py": imports, "true.sh": "true\n"})
    rows = []
    log = AuditLog(folder / "audit.jsonl")
    with OpenSkillRuntime.from_directory(folder / "skills", workspace_dir=folder / "workspace", audit=log) as runtime:
        for name, script, plain, target in (
            ("cold call, empty Python script", "pass.py", (sys.executable, "-c", "pass"), 1.6),
            ("cold call, five standard imports", "imports.py", (sys.executable, "-c", imports), None),
            ("cold call, shell script", "true.sh", ("/bin/bash", "-c", "true"), None),
        ):

            def ours(script: str = script) -> None:
                assert runtime.execute_skill("bench", script).status == "success"

            def theirs(plain: tuple[str, ...] = plain) -> None:
                _run(*plain)

            rows.append(measure(name, ours, theirs, turns=60, target=target))
    return rows


def reduced_call(folder: Path) -> Ratio:
    """Compare a whole call in the reduced tier, in a workspace of its own, with the same interpreter unsandboxed."""
    folder.chmod(0o755)  # with a root host scripts are another user's
    python = sys.executable if os.geteuid() else "/usr/bin/python3"
    _skill(folder / "skills", "bench", {"pass.py": "pass\n"})
    log = AuditLog(folder / "audit.jsonl")
    with OpenSkillRuntime.from_directory(folder / "skills", audit=log, sandbox="landlock", python=python) as runtime:
        return measure(
            "cold call, reduced tier",
            lambda: runtime.execute_skill("bench", "pass.py"),
            lambda: _run(python, "-c", "pass"),
            turns=60,
            target=1.25,
        )


def imports() -> Ratio:
    """Compare a bare interpreter with one that imports the core."""
    return measure(
        "python -c 'import openskills_core'",
        lambda: _run(sys.executable, "-c", "import openskills_core"),
        lambda: _run(sys.executable, "-c", "pass"),
        turns=30,
    )


def show(rows: list[Ratio]) -> None:
    """Print the table."""
    print(f"{'':36}{'ratio':>8}{'target':>8}{'ours ms':>10}{'p95 ms':>10}{'plain ms':>10}{'more ms':>10}")
    for row in rows:
        target = f"{row.target:.2f}" if row.target else "-"
        times = (row.ours_ms, row.ours_p95_ms, row.plain_ms, row.ours_ms - row.plain_ms)
        print(f"{row.name:36}{row.ratio:8.2f}{target:>8}{''.join(f'{time:10.2f}' for time in times)}")


def main() -> None:
    """Run every benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        with tempfile.TemporaryDirectory() as open_folder:
            rows = [*calls(Path(folder, "calls")), reduced_call(Path(open_folder)), imports()]
        rows += [
            measure(one.name, one.ours, one.plain, turns=one.turns, target=one.target)
            for one in comparisons(Path(folder, "many"))
        ]
    show(rows)
    machine = {"python": platform.python_version(), "kernel": platform.release(), "machine": platform.machine()}
    RESULTS.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
