"""`openskills audit`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from openskills_core import AuditLog

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def log(cli: Cli, tmp_path: Path) -> Path:
    """A log of three attempts, the last one refused, made by the command line itself."""
    state = tmp_path / "state"
    for words in (("exec", "true"), ("exec", "exit 4"), ("run", "nothing")):
        cli(*words, XDG_STATE_HOME=str(state))
    return state / "openskills" / "audit.jsonl"


def test_list_has_a_line_for_each_record_newest_last(cli: Cli, log: Path) -> None:
    """A line says when, how it ended, in which sandbox, what it was, and the beginning of the record's id."""
    lines = cli("audit", "list", "--log", str(log)).stdout.splitlines()
    ids = [record["id"] for record in AuditLog(log).records()]
    assert [line.split()[2:4] for line in lines] == [["success", "0"], ["failed", "4"], ["refused", "-"]]
    assert [line.split()[-1] for line in lines] == [record_id[:16] for record_id in ids]
    assert "full  command: exit 4" in lines[1]


def test_list_takes_a_limit_and_gives_json(cli: Cli, log: Path) -> None:
    """The limit keeps the newest; with --json the records are whole."""
    records = json.loads(cli("audit", "list", "--log", str(log), "--limit", "2", "--json").stdout)
    assert records == AuditLog(log).records()[-2:]


def test_show_takes_the_beginning_of_an_id(cli: Cli, log: Path) -> None:
    """What `list` prints is enough to find one record."""
    record = AuditLog(log).records()[1]
    short = record["id"][:16]
    assert f"{'target:':<16}exit 4" in cli("audit", "show", short, "--log", str(log)).stdout.splitlines()
    assert json.loads(cli("audit", "show", short, "--log", str(log), "--json").stdout) == record


@pytest.mark.parametrize(
    ("wanted", "message"), [("zzz", "there is no record 'zzz'"), ("0", "3 records begin with '0'")]
)
def test_show_of_none_or_many_is_wrong_usage(cli: Cli, log: Path, wanted: str, message: str) -> None:
    """An id that names no record, or more than one, is told apart."""
    done = cli("audit", "show", wanted, "--log", str(log))
    assert (done.returncode, message in done.stderr) == (2, True)


def test_verify_is_ok_for_a_whole_log_and_1_for_an_edited_one(cli: Cli, log: Path) -> None:
    """One changed character is found, named and ends the command with 1."""
    good = cli("audit", "verify", "--log", str(log))
    assert (good.returncode, good.stdout) == (0, f"ok: 3 records in {log}\n")
    log.write_bytes(log.read_bytes().replace(b"exit 4", b"exit 0"))
    bad = cli("audit", "verify", "--log", str(log))
    assert bad.returncode == 1
    assert bad.stdout.startswith(f"not ok: 3 records in {log}\n  line 2 was edited")
    document = json.loads(cli("audit", "verify", "--log", str(log), "--json").stdout)
    assert (document["ok"], document["records"], len(document["problems"])) == (False, 3, 1)


def test_the_default_log_is_the_users(cli: Cli) -> None:
    """Without --log it is the one that runs are recorded in; before the first run it is simply empty."""
    assert cli("audit", "verify").stdout.startswith("ok: 0 records in ")
    cli("exec", "true")
    assert len(json.loads(cli("audit", "list", "--json").stdout)) == 1


def test_a_log_that_is_not_there_is_wrong_usage(cli: Cli) -> None:
    """A mistyped path must not verify."""
    assert cli("audit", "verify", "--log", "typo.jsonl").returncode == 2
