"""The audit log: one chained record for every attempt, whatever happens to the attempt, the process or the file."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core.audit import AuditLog, canonical_json, default_audit_path, sha256_hex
from openskills_core.errors import AuditError, OpenSkillsError, PathEscapeError, PermissionDeniedError
from openskills_core.models import Artifact, Decision, Limits, VerifyResult

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """Give a log in an empty directory."""
    return AuditLog(tmp_path / "audit.jsonl")


def head_of(log: AuditLog) -> Path:
    """Return the path of the log's head anchor."""
    return Path(f"{log.path}.head")


def append(log: AuditLog, times: int = 1, **fields: Any) -> None:
    """Append `times` successful attempts."""
    for number in range(times):
        with log.attempt({"kind": "script", "skill_id": "demo", "target": f"s{number}.py"}) as attempt:
            attempt.finish(status="success", **fields)


def append_and_raise(log: AuditLog, error: BaseException, **fields: Any) -> None:
    """Make an attempt that notes `fields` and ends in `error`."""
    with log.attempt({"kind": "command", "skill_id": ""}) as attempt:
        attempt.note(**fields)
        raise error


def change_lines(log: AuditLog, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Rewrite the log's lines behind its back."""
    log.path.write_bytes(b"".join(change(log.path.read_bytes().splitlines(keepends=True))))


def test_opening_a_log_writes_nothing(tmp_path: Path) -> None:
    """Making, reading and verifying a log that does not exist leaves the disk alone and finds nothing wrong."""
    log = AuditLog(tmp_path / "deep" / "audit.jsonl")
    assert log.records() == []
    assert log.verify() == VerifyResult(ok=True, records=0)
    assert list(tmp_path.iterdir()) == []


def test_the_files_are_private_and_so_are_the_directories_made_for_them(tmp_path: Path) -> None:
    """Log and anchor have mode 0600, each new directory 0700, whatever the umask lets through."""
    before = os.umask(0)
    try:
        log = AuditLog(tmp_path / "state" / "openskills" / "audit.jsonl")
        append(log)
    finally:
        os.umask(before)
    modes = {path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {
        "state": 0o700,
        "state/openskills": 0o700,
        "state/openskills/audit.jsonl": 0o600,
        "state/openskills/audit.jsonl.head": 0o600,
    }


def test_a_record_holds_what_was_given_and_what_was_measured(log: AuditLog) -> None:
    """Id, time and duration come from the attempt, everything else from the caller."""
    with log.attempt({"kind": "script", "skill_id": "demo", "labels": {"user": "alice"}}) as attempt:
        attempt.note(decisions=(Decision("allow", "baseline", "fine"),), limits=Limits())
        attempt.finish(status="failed", exit_code=3, artifacts=[Artifact("a.txt", 1, "00", "created")])
    (record,) = log.records()
    assert record["id"] == attempt.record_id
    assert datetime.fromisoformat(record["time"]).utcoffset() is not None
    assert 0 <= record["duration_ms"] < 60_000
    assert (record["kind"], record["skill_id"], record["status"], record["exit_code"]) == (
        "script",
        "demo",
        "failed",
        3,
    )
    assert record["labels"] == {"user": "alice"}
    assert record["decisions"] == [{"outcome": "allow", "rule": "baseline", "reason": "fine"}]
    assert record["limits"]["timeout_ms"] == 30_000
    assert record["artifacts"] == [{"path": "a.txt", "size": 1, "sha256": "00", "change": "created"}]
    assert log.verify() == VerifyResult(ok=True, records=1)


def test_record_ids_are_unique_and_sort_by_time(log: AuditLog) -> None:
    """The first twelve digits are the milliseconds, so ids sort as the attempts began."""
    append(log, 50)
    ids = [record["id"] for record in log.records()]
    assert len(set(ids)) == 50
    assert [name[:12] for name in ids] == sorted(name[:12] for name in ids)


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (Path("/x"), repr(Path("/x"))),
        (b"\xff", "b'\\xff'"),
        ({1: (2, None)}, {"1": [2, None]}),
        ("\udcff \u2028 \n 😀", "\udcff \u2028 \n 😀"),
        (True, True),
    ],
)
def test_no_value_can_keep_a_record_from_being_written(log: AuditLog, value: object, recorded: object) -> None:
    """What JSON cannot hold is written as text, and the chain still verifies."""
    append(log, detail=value)
    assert log.records()[0]["detail"] == recorded
    assert log.verify().ok


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PermissionDeniedError("no"), "denied", "permission-denied"),
        (PathEscapeError("no"), "refused", "path-escape"),
        (OpenSkillsError("no"), "refused", "error"),
        (ValueError("no"), "crashed", ""),
        (StopIteration("no"), "crashed", ""),
        (KeyboardInterrupt("no"), "cancelled", ""),
        (asyncio.CancelledError("no"), "cancelled", ""),
    ],
)
def test_an_exception_leaves_one_record_and_passes(log: AuditLog, error: BaseException, status: str, code: str) -> None:
    """The record has the status and the error, keeps what was known before, and the caller sees the same exception."""
    with pytest.raises(type(error)) as caught:
        append_and_raise(log, error, target="ls")
    assert caught.value is error
    (record,) = log.records()
    assert record["status"] == status
    assert record["error"] == {"type": type(error).__name__, "code": code, "message": "no"}
    assert record["target"] == "ls"


def test_an_exception_after_finish_decides_the_status(log: AuditLog) -> None:
    """What finish knew stays in the record, but the attempt did not succeed."""
    with pytest.raises(RuntimeError):
        append_and_raise(log, RuntimeError("late"), status="success", exit_code=0)
    assert [(record["status"], record["exit_code"]) for record in log.records()] == [("crashed", 0)]


def test_a_block_that_never_finishes_is_recorded_as_such(log: AuditLog) -> None:
    """Forgetting finish does not lose the record."""
    with log.attempt({"kind": "script"}):
        pass
    assert [record["status"] for record in log.records()] == ["unfinished"]


def test_nothing_runs_when_the_log_cannot_be_opened(tmp_path: Path) -> None:
    """The error comes before the block and names the path and the way out."""
    (tmp_path / "file").write_text("not a directory")
    log = AuditLog(tmp_path / "file" / "audit.jsonl")
    with pytest.raises(AuditError, match=r"choose another place with audit=AuditLog\(path\)") as caught:
        append_and_raise(log, AssertionError("the block ran"))
    assert str(log.path) in str(caught.value)
    assert caught.value.culprit == str(log.path)


@pytest.mark.parametrize("which", ["log", "head"])
def test_a_log_or_anchor_that_is_no_regular_file_is_refused(log: AuditLog, which: str) -> None:
    """A named pipe would swallow the evidence."""
    os.mkfifo(log.path if which == "log" else head_of(log))
    with pytest.raises(AuditError, match="not a regular file"):
        append(log)


def test_a_directory_in_the_place_of_the_log_cannot_be_read(log: AuditLog) -> None:
    """Reading says so in the same words as writing."""
    log.path.mkdir()
    with pytest.raises(AuditError, match="cannot be read"):
        log.records()


def test_a_record_that_cannot_be_written_after_the_run_is_an_error(tmp_path: Path) -> None:
    """Losing the log's directory during the run is not passed over in silence."""
    log = AuditLog(tmp_path / "state" / "audit.jsonl")
    attempt = log.attempt({"kind": "script"})
    attempt.__enter__().finish(status="success")
    log.path.parent.rename(tmp_path / "moved")
    log.path.parent.write_text("in the way")
    with pytest.raises(AuditError, match="cannot be written"):
        attempt.__exit__(None, None, None)


def test_a_full_disk_is_an_error_and_what_got_through_is_repaired(log: AuditLog) -> None:
    """A record that was written in part is reported by the writer, seen by verify and kept by the next append."""
    append(log)
    script = (
        "import resource, sys; from openskills_core.audit import AuditLog; log = AuditLog(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "with log.attempt({'kind': 'script'}) as attempt: attempt.finish(status='success')"
    )
    limit = log.path.stat().st_size + 100
    ended = subprocess.run(
        [sys.executable, "-c", script, str(log.path), str(limit)], capture_output=True, text=True, check=False
    )
    assert "AuditError" in ended.stderr
    assert "line 2 is torn" in log.verify().problems[0]
    append(log)
    assert log.verify() == VerifyResult(ok=True, records=2)
    assert len(log.records()[1]["repair"]["torn"]) == 100


def test_fields_that_have_no_end_are_an_error(log: AuditLog) -> None:
    """What cannot be written at all is reported like any other record that cannot be."""
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(AuditError, match="cannot be written: maximum recursion depth"):
        append(log, labels=endless)


def test_a_log_moved_away_during_a_run_is_begun_anew(log: AuditLog) -> None:
    """The record of a running attempt goes to the log that stands at the path when it ends."""
    append(log, 2)
    with log.attempt({"kind": "script"}) as attempt:
        log.path.rename(log.path.with_name("old.jsonl"))
        head_of(log).rename(log.path.with_name("old.jsonl.head"))
        attempt.finish(status="success")
    assert log.verify() == VerifyResult(ok=True, records=1)
    assert AuditLog(log.path.with_name("old.jsonl")).verify() == VerifyResult(ok=True, records=2)


def swap(lines: list[bytes]) -> list[bytes]:
    """Exchange the second and the third line."""
    return [lines[0], lines[2], lines[1], *lines[3:]]


def forge(lines: list[bytes]) -> list[bytes]:
    """Edit the last line and give it the hash that fits."""
    record = json.loads(lines[-1])
    del record["hash"]
    record["status"] = "success!"
    return [*lines[:-1], canonical_json({**record, "hash": sha256_hex(canonical_json(record))}) + b"\n"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda lines: [lines[0], lines[1].replace(b"s1.py", b"x1.py"), *lines[2:]], "line 2 was edited"),
        (lambda lines: [lines[0], lines[1].replace(b",", b", ", 1), *lines[2:]], "line 2 was edited"),
        (lambda lines: [lines[0], b'{"n":NaN}\n', *lines[2:]], "line 2 was edited"),
        (lambda lines: [lines[0], b"[]\n", *lines[2:]], "line 2 is not a record"),
        (lambda lines: [lines[0], b"\n", *lines[1:]], "line 2 is not a record"),
        (lambda lines: [lines[0], b"[" * 200_000 + b"\n", *lines[2:]], "line 2 is not a record"),
        (lambda lines: [lines[0], b"\xff\xfe\n", *lines[2:]], "line 2 is not a record"),
        (lambda lines: lines[1:], "line 1 does not follow the start of the log"),
        (lambda lines: [lines[0], *lines[2:]], "line 2 does not follow line 1"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], "line 3 does not follow line 2"),
        (swap, "line 2 does not follow line 1"),
        (forge, "line 5 is not the record that the head anchor names"),
        (lambda lines: lines[:3], "the log ends after line 3, but 5 records were counted"),
        (lambda lines: lines[:0], "the log ends after line 0, but 5 records were counted"),
    ],
)
def test_verify_names_every_change(log: AuditLog, change: Callable[[list[bytes]], list[bytes]], problem: str) -> None:
    """An edit, insertion, deletion, reordering or cut is found, with its line."""
    append(log, 5)
    change_lines(log, change)
    result = log.verify()
    assert not result.ok
    assert any(problem in found for found in result.problems), result.problems


def test_one_edit_is_one_problem(log: AuditLog) -> None:
    """The lines after an edited one are not blamed for it."""
    append(log, 5)
    change_lines(log, lambda lines: [lines[0].replace(b"s0.py", b"x0.py"), *lines[1:]])
    assert log.verify().problems == ("line 1 was edited: its content does not match its hash",)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_cut_tail_stays_visible_after_the_next_append(log: AuditLog, *, fresh: bool) -> None:
    """Appending must not launder the cut, neither from the same process nor from one that knows only the anchor."""
    append(log, 5)
    change_lines(log, lambda lines: lines[:3])
    append(AuditLog(log.path) if fresh else log)
    result = log.verify()
    assert result.records == 4
    assert result.problems == (
        "line 4 was written after the tail had been cut off: 5 records were counted, 3 were left",
    )


def test_a_deleted_log_stays_visible_after_the_next_append(log: AuditLog) -> None:
    """The anchor outlives the log that it belongs to."""
    append(log, 2)
    log.path.unlink()
    assert log.verify().problems == ("the log ends after line 0, but 2 records were counted: its tail was cut off",)
    append(log)
    assert "2 records were counted, 0 were left" in log.verify().problems[0]


@pytest.mark.parametrize("content", [None, b"", b"rubbish", b'{"count":1}', b'{"count":"1","hash":"","size":0}'])
def test_a_missing_or_unreadable_anchor_is_a_problem(log: AuditLog, content: bytes | None) -> None:
    """Without its anchor a log cannot vouch for its tail, not even once an append has made a new one."""
    append(log, 2)
    head_of(log).unlink()
    if content is not None:
        head_of(log).write_bytes(content)
    assert log.verify().problems == ("the head anchor is missing or unreadable: a tail may have been cut off",)
    append(AuditLog(log.path))
    assert log.verify().problems == (
        "line 3 was written while the head anchor was missing: a tail may have been cut off",
    )


@pytest.mark.parametrize("behind", [1, 2, 3])
def test_a_log_longer_than_its_anchor_is_fine(log: AuditLog, behind: int) -> None:
    """A process that died between the two writes leaves whole chained records; the next append goes on."""
    append(log, 3 - behind)
    old = head_of(log).read_bytes() if behind < 3 else b'{"count":0,"hash":"' + b"0" * 64 + b'","size":0}'
    append(log, behind)
    head_of(log).write_bytes(old)
    assert log.verify() == VerifyResult(ok=True, records=3)
    append(AuditLog(log.path))
    assert log.verify() == VerifyResult(ok=True, records=4)


@pytest.mark.parametrize("torn", [b'{"id":"4', b"x", b"\xff\x00\xe2\x82", "é😀".encode(), b"y" * 9000])
def test_a_torn_last_line_is_reported_and_kept_by_the_next_append(log: AuditLog, torn: bytes) -> None:
    """The torn bytes move into the next record, and the chain verifies again."""
    append(log, 2)
    with log.path.open("ab") as file:
        file.write(torn)
    assert log.verify() == VerifyResult(
        ok=False, records=2, problems=("line 3 is torn: it has no end; the next append repairs it",)
    )
    assert len(log.records()) == 2
    append(log)
    assert log.verify() == VerifyResult(ok=True, records=3)
    assert log.records()[2]["repair"]["torn"].encode("utf-8", "surrogateescape") == torn


def test_a_record_without_its_newline_is_torn(log: AuditLog) -> None:
    """The last byte counts: only whole lines are records."""
    append(log, 2)
    log.path.write_bytes(log.path.read_bytes()[:-1])
    assert log.verify().records == 1
    assert "line 2 is torn" in log.verify().problems[0]


def test_fsync_writes_the_same_log(tmp_path: Path) -> None:
    """Waiting for the disk changes no byte of the form."""
    log = AuditLog(tmp_path / "audit.jsonl", fsync=True)
    append(log, 2)
    assert log.verify() == VerifyResult(ok=True, records=2)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("/var/state", "/var/state/openskills/audit.jsonl"),
        ("", "/home/alice/.local/state/openskills/audit.jsonl"),
        ("relative", "/home/alice/.local/state/openskills/audit.jsonl"),
    ],
)
def test_the_default_path_follows_xdg(monkeypatch: pytest.MonkeyPatch, state: str, expected: str) -> None:
    """An absolute XDG_STATE_HOME is used, anything else is ignored."""
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.setenv("XDG_STATE_HOME", state)
    assert default_audit_path() == Path(expected)


def test_the_path_is_fixed_when_the_log_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing the working directory later does not split the log in two."""
    monkeypatch.chdir(tmp_path)
    assert AuditLog("audit.jsonl").path == tmp_path / "audit.jsonl"


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"b": 1, "a": [1.5, None]}, b'{"a":[1.5,null],"b":1}'), ("é", b'"\\u00e9"'), (True, b"true")],
)
def test_canonical_json_has_one_form(value: object, expected: bytes) -> None:
    """Keys are sorted, nothing is spaced, everything is ASCII."""
    assert canonical_json(value) == expected


@pytest.mark.parametrize(("value", "error"), [(float("nan"), ValueError), (object(), TypeError)])
def test_canonical_json_refuses_what_json_cannot_hold(value: object, error: type[Exception]) -> None:
    """A hash over an invented form would prove nothing."""
    with pytest.raises(error):
        canonical_json(value)
