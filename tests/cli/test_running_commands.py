"""`openskills run` and `openskills exec`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., subprocess.CompletedProcess[str]]
    MakeSkill = Callable[..., Path]

ECHO = "import sys\nprint(sys.argv[1:], sys.stdin.read())\n"
MAKE = "import sys\nopen('made.txt', 'w').write('x')\n"
FOREVER = "import time\nprint('begun', flush=True)\nwhile True:\n    print('on', flush=True)\n    time.sleep(0.05)\n"


@pytest.fixture
def echo(make_skill: MakeSkill) -> Path:
    """A skill whose only script prints its arguments and standard input."""
    return make_skill("echo", main_py=ECHO)


def test_run_prints_what_the_script_prints_and_what_happened(cli: Cli, make_skill: MakeSkill, tmp_path: Path) -> None:
    """Each stream of the script goes to ours; one more line on stderr tells the status, the sandbox and the files."""
    make_skill("work", main_py=f"{MAKE}print('out')\nprint('err', file=sys.stderr)\n")
    done = cli("run", "work")
    assert (done.returncode, done.stdout) == (0, "out\n")
    said, told = done.stderr.splitlines()
    assert said == "err"
    assert told.startswith("[success, exit code 0, ")
    assert "; sandbox full (bubblewrap); created made.txt; record " in told
    assert (tmp_path / "workspace" / "made.txt").read_text() == "x"


def test_the_last_line_stands_alone(cli: Cli, make_skill: MakeSkill) -> None:
    """A script that does not end its last line does not hide what happened behind it."""
    make_skill("work", main_py="import sys\nsys.stderr.write('no line feed')\n")
    said, told = cli("run", "work").stderr.splitlines()
    assert (said, told[:9]) == ("no line feed", "[success,")


def test_arguments_after_dashes_reach_the_script_untouched(cli: Cli, echo: Path) -> None:
    """Options, dashes and the name of our own options are the script's after `--`."""
    assert echo
    words = ["-x", "--json", "a b", "--", ""]
    assert cli("run", "echo", "--", *words).stdout == f"{words} \n"
    assert cli("run", "echo", "scripts/main.py", "--", *words).stdout == f"{words} \n"


def test_a_file_that_is_not_in_the_workspace_is_pointed_out(cli: Cli, make_skill: MakeSkill, tmp_path: Path) -> None:
    """The likeliest mistake of a first run is answered with the way out; the hint is gone once the file is there."""
    make_skill("reader", main_py="import sys\nprint(open(sys.argv[1]).read())\n")
    (tmp_path / "data.csv").write_text("a,b")
    assert "hint: the script sees" in cli("run", "reader", "--", "data.csv").stderr
    (tmp_path / "workspace" / "data.csv").write_text("a,b")
    assert "hint" not in cli("run", "reader", "--", "data.csv").stderr


def test_a_command_that_misses_a_script_is_told_where_it_is(cli: Cli, echo: Path) -> None:
    """The hint of the result is printed too, not only the live output."""
    assert f"use {echo}/scripts/main.py" in cli("exec", "python3 scripts/main.py").stderr


def test_a_word_too_many_is_wrong_usage(cli: Cli, echo: Path) -> None:
    """Arguments without `--` are refused with the way to write them."""
    assert echo
    done = cli("run", "echo", "scripts/main.py", "extra")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: 'extra' is one word too many: put the script's own arguments after --")


def test_input_is_given_as_json_from_the_command_line_or_a_file(cli: Cli, echo: Path, tmp_path: Path) -> None:
    """`--input` takes JSON or @FILE."""
    assert echo
    (tmp_path / "in.json").write_text('{"b": [1, null]}', encoding="utf-8")
    assert json.loads(cli("run", "echo", "--input", '{"a": 1}').stdout.removeprefix("[] ")) == {"a": 1}
    assert json.loads(cli("run", "echo", "--input", "@in.json").stdout.removeprefix("[] ")) == {"b": [1, None]}


@pytest.mark.parametrize(
    ("value", "reason"), [("{oops", "is not JSON"), ("@missing.json", "missing.json cannot be read: No such file")]
)
def test_input_that_cannot_be_used_is_wrong_usage(cli: Cli, echo: Path, value: str, reason: str) -> None:
    """It is refused before anything runs, naming the culprit."""
    assert echo
    done = cli("run", "echo", "--input", value)
    assert (done.returncode, done.stdout, reason in done.stderr) == (2, "", True)


def test_run_as_json_is_one_document_and_nothing_else(cli: Cli, make_skill: MakeSkill) -> None:
    """With --json the result has every field of `ExecutionResult`, and stderr stays empty."""
    make_skill("work", main_py=f"{MAKE}print('[1]')\nprint('err', file=sys.stderr)\n")
    done = cli("run", "work", "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (result["status"], result["exit_code"], result["output"]) == ("success", 0, [1])
    assert (result["stdout"], result["stderr"]) == ("[1]\n", "err\n")
    assert [(made["path"], made["size"], made["change"]) for made in result["artifacts"]] == [
        ("made.txt", 1, "created")
    ]
    assert result["sandbox"] == {"backend": "bubblewrap", "tier": "full", "warm": False, "degraded": []}


@pytest.mark.parametrize(
    ("script", "options", "told"),
    [
        ("raise SystemExit(3)", (), "failed, exit code 3"),
        ("raise SystemExit(2)", (), "failed, exit code 2"),
        (FOREVER, ("--timeout-ms", "500"), "timeout"),
        ("x = bytearray(400 << 20)", ("--memory-mb", "100"), ""),
        ("import os\nos.kill(os.getpid(), 11)", (), "signal:SIGSEGV"),
    ],
)
def test_a_script_that_ends_badly_is_exit_status_1(
    cli: Cli, make_skill: MakeSkill, script: str, options: tuple[str, ...], told: str
) -> None:
    """Whatever the script's own code, a failure, a limit and a signal are 1, and the last line says which it was."""
    make_skill("bad", main_py=script)
    done = cli("run", "bad", *options)
    assert (done.returncode, told in done.stderr.splitlines()[-1]) == (1, True)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("run", "ecco"), 2, "error: there is no skill 'ecco'; did you mean echo?"),
        (("show", "ecco"), 2, "error: there is no skill 'ecco'; did you mean echo?"),
        (("run", "echo", "scripts/none.py"), 2, "scripts/none.py"),
        (("run", "echo", "../../outside.py"), 3, "outside.py"),
        (("run", "echo", "--sandbox", "nonsense"), 4, "error: there is no sandbox 'nonsense'"),
        (("exec", "true", "--sandbox", "nonsense"), 4, "error: there is no sandbox 'nonsense'"),
        (("run", "echo", "--python", "/nowhere/python"), 4, "/nowhere/python"),
        (("run", "echo", "--timeout-ms", "0"), 2, "--timeout-ms"),
        (("run", "echo", "--skills", "nowhere"), 2, "nowhere"),
        (("run",), 2, "error: Missing argument 'ID'"),
    ],
)
def test_refusals_have_their_exit_status_and_one_line(
    cli: Cli, echo: Path, words: tuple[str, ...], status: int, message: str
) -> None:
    """An error is one line on stderr that begins with `error:`; with --json a document says the same."""
    assert echo
    done = cli(*words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (status, "", 1)
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    again = cli(*words, "--json")
    error = json.loads(again.stdout)["error"]
    assert (again.returncode, set(error)) == (status, {"code", "message", "culprit"})
    assert f"error: {error['message']}" in again.stderr


def test_exec_runs_a_command_in_the_workspace(cli: Cli, tmp_path: Path) -> None:
    """The command is bash's, its directory the workspace, its failure 1."""
    done = cli("exec", "echo hi | tee said.txt; pwd", "--workspace", "there")
    assert (done.returncode, done.stdout) == (0, f"hi\n{tmp_path / 'there'}\n")
    assert (tmp_path / "there" / "said.txt").read_text() == "hi\n"
    assert cli("exec", "exit 7").returncode == 1


def test_exec_sees_the_skills(cli: Cli, echo: Path) -> None:
    """A command can read every skill."""
    assert cli("exec", f"head -1 {echo}/scripts/main.py").stdout == "import sys\n"


def test_odd_names_of_made_files_crash_nothing(cli: Cli, make_skill: MakeSkill) -> None:
    """A script may name its files as it likes."""
    make_skill("odd", main_py="open(b'odd\\xff', 'w')\nopen('two\\nlines\\x1b[2J', 'w')\n")
    made = json.loads(cli("run", "odd", "--json").stdout)["artifacts"]
    assert [file["path"] for file in made] == ["odd\udcff", "two\nlines\x1b[2J"]
    done = cli("run", "odd", "--workspace", "another")
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1)
    assert "created odd\\udcff, created two lines\\x1b[2J; record" in done.stderr


def _start(tmp_path: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "openskills_core", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_output_is_live(make_skill: MakeSkill, tmp_path: Path) -> None:
    """A line arrives while the script still runs: it ends only when it sees the answer to that line."""
    script = "import os, time\nprint('ready?', flush=True)\nwhile not os.path.exists('yes'):\n    time.sleep(0.02)\n"
    make_skill("asks", main_py=script)
    with _start(tmp_path, "run", "asks") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready?\n"
        (tmp_path / "workspace" / "yes").touch()
        assert process.wait(20) == 0


def test_interrupt_ends_cleanly(make_skill: MakeSkill, tmp_path: Path) -> None:
    """Ctrl-C kills the script, leaves a record, ends with 130 and shows no traceback."""
    make_skill("forever", main_py=FOREVER)
    with _start(tmp_path, "run", "forever") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors.strip()) == (130, "")
    records = subprocess.run(
        [sys.executable, "-m", "openskills_core", "audit", "list", "--json"], capture_output=True, check=True
    )
    assert [record["status"] for record in json.loads(records.stdout)] == ["cancelled"]


@pytest.mark.parametrize("words", [("run", "forever"), ("list",), ("prompt",), ("--help",)])
def test_a_reader_that_leaves_ends_it_cleanly(make_skill: MakeSkill, tmp_path: Path, words: tuple[str, ...]) -> None:
    """With nobody at the other end of the pipe the status is a shell's for SIGPIPE, without a traceback."""
    make_skill("forever", main_py=FOREVER)
    with _start(tmp_path, *words) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (141, "")
