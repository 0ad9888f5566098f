"""The audit log under threads, several processes and kill -9: one chain, no confirmed record lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from openskills_core.audit import AuditLog
from openskills_core.audit.chain import seal
from openskills_core.models import VerifyResult

if TYPE_CHECKING:
    from pathlib import Path

WRITER = """
import sys
from openskills_core.audit import AuditLog
log = AuditLog(sys.argv[1])
for number in range(int(sys.argv[2])):
    with log.attempt({"kind": "script", "skill_id": sys.argv[3]}) as attempt:
        attempt.finish(status="success", number=number, padding="x" * 2000)
    print(attempt.record_id, flush=True)
"""


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """Give a log in an empty directory."""
    return AuditLog(tmp_path / "audit.jsonl")


def append(log: AuditLog, times: int = 1) -> None:
    """Append `times` successful attempts."""
    for _ in range(times):
        with log.attempt({"kind": "script", "skill_id": "demo"}) as attempt:
            attempt.finish(status="success")


def start_writer(log: AuditLog, count: int, name: str) -> subprocess.Popen[str]:
    """Start a process that appends `count` records and prints the id of each one."""
    command = [sys.executable, "-c", WRITER, str(log.path), str(count), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_threads_append_to_one_chain(log: AuditLog) -> None:
    """Concurrent attempts, through one object and through several, leave one record each."""
    logs = [log, log, AuditLog(log.path), AuditLog(log.path)]
    with ThreadPoolExecutor(len(logs)) as pool:
        list(pool.map(lambda one: append(one, 50), logs))
    assert log.verify() == VerifyResult(ok=True, records=200)


def test_processes_append_to_one_chain(log: AuditLog) -> None:
    """Every id that a process printed is in the log, once."""
    writers = [start_writer(log, 60, f"w{number}") for number in range(4)]
    append(log, 60)
    printed = [line for writer in writers for line in writer.communicate(timeout=60)[0].split()]
    assert [writer.returncode for writer in writers] == [0] * 4
    assert len(printed) == 240
    ids = [record["id"] for record in log.records()]
    assert len(ids) == len(set(ids)) == 300
    assert set(printed) <= set(ids)
    assert log.verify() == VerifyResult(ok=True, records=300)


def test_kill_nine_loses_no_finished_record(log: AuditLog) -> None:
    """Whatever a killed process had confirmed is there, and the log goes on without a gap."""
    printed: set[str] = set()
    for number in range(5):
        with start_writer(log, 100_000, f"w{number}") as writer:
            assert writer.stdout is not None
            printed.update(writer.stdout.readline().strip() for _ in range(20))
            os.kill(writer.pid, signal.SIGKILL)
            # The writer may have died in the middle of printing.
            printed.update(line for line in writer.stdout.read().splitlines() if len(line) == 32)
        append(log)
        assert log.verify().ok, log.verify().problems
    assert printed <= {record["id"] for record in log.records()}


def test_a_death_between_the_very_first_record_and_its_anchor_is_no_removed_anchor(log: AuditLog) -> None:
    """The anchor of a new log exists before its first record does."""
    with closing(log._open()) as opened:
        end, _ = log._end(opened)
        opened.write_line(seal({"kind": "script"}, end.hash), end.size, fsync=False)
    assert log.verify() == VerifyResult(ok=True, records=1)
    append(AuditLog(log.path))
    assert log.verify() == VerifyResult(ok=True, records=2)


def test_a_process_killed_during_a_run_does_not_block_the_others(log: AuditLog) -> None:
    """The lock is held while writing only, and never outlives its holder."""
    with log.attempt({"kind": "script"}) as attempt, start_writer(log, 100_000, "w") as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        append(log)
        attempt.finish(status="success")
    assert log.verify().ok
