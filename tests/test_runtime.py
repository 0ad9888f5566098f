"""The façade as an agent builder meets it: calls in, results and errors out, one record each."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
import threading
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core import (
    Approval,
    ApprovalRequest,
    AuditLog,
    ExecutionResult,
    HostPolicy,
    InvalidSkillError,
    LimitExceededError,
    Limits,
    OpenSkillRuntime,
    PathEscapeError,
    PermissionDeniedError,
    SandboxUnavailableError,
    SkillNotFoundError,
    WorkspaceError,
)
from openskills_core.sandbox.linux.users import RunUsers

if TYPE_CHECKING:
    from collections.abc import Callable

ECHO = "import json, sys\nprint(json.dumps({'args': sys.argv[1:], 'stdin': sys.stdin.read()}))\n"


@pytest.fixture
def hello(make_skill: Callable[..., Path]) -> Path:
    """A skill with one script that tells what it was given."""
    return make_skill("hello", main_py=ECHO)


@pytest.mark.usefixtures("hello")
def test_a_script_gets_its_arguments_and_input_and_its_json_comes_back(runtime: OpenSkillRuntime) -> None:
    """Arguments are argv, `input` is JSON on standard input, standard output is parsed."""
    result = runtime.execute_skill("hello", args=["--a b", "ü", ""], input={"n": [1, None]})
    assert result.output == {"args": ["--a b", "ü", ""], "stdin": '{"n": [1, null]}'}
    assert (result.status, result.exit_code, result.reason, result.stderr) == ("success", 0, "", "")
    assert (result.sandbox.backend, result.sandbox.tier, result.sandbox.degraded) == ("bubblewrap", "full", ())


@pytest.mark.usefixtures("hello")
@pytest.mark.parametrize(
    ("options", "stdin"),
    [({}, ""), ({"stdin": "text ü"}, "text ü"), ({"stdin": b"raw"}, "raw"), ({"input": "x"}, '"x"')],
)
def test_standard_input_is_what_was_given(runtime: OpenSkillRuntime, options: dict[str, Any], stdin: str) -> None:
    """Without input it is empty, never the terminal."""
    assert runtime.execute_skill("hello", **options).output["stdin"] == stdin


@pytest.mark.parametrize(
    ("printed", "output"),
    [
        ('{"a": 1}', {"a": 1}),
        ("  [1, 2]\\n", [1, 2]),
        ("3", 3),
        ('"text"', "text"),
        ("null", None),
        ("not json", None),
        ('{"a": 1} trailing', None),
        ("", None),
        ("[" * 100_000, None),
    ],
)
def test_output_is_the_whole_of_standard_output_as_json(
    make_skill: Callable[..., Path], runtime: OpenSkillRuntime, printed: str, output: object
) -> None:
    """Any JSON type counts; anything else is None."""
    make_skill("printer", main_py=f"print({printed!r})" if "\\n" not in printed else f"print('{printed}')")
    assert runtime.execute_skill("printer").output == output


def test_a_failing_script_is_data(make_skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """Exit status, both streams and what was printed before the failure come back; nothing is raised."""
    make_skill("failing", main_py="import sys\nprint('before')\nsys.exit('after')\n")
    result = runtime.execute_skill("failing")
    assert (result.status, result.exit_code, result.stdout, result.stderr) == ("failed", 1, "before\n", "after\n")


def test_a_timeout_returns_what_was_printed_so_far(make_skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """The call ends soon after its time, with the partial output."""
    make_skill("slow", main_py="import time\nprint('begun')\ntime.sleep(60)\n")
    result = runtime.execute_skill("slow", timeout_ms=700)
    assert (result.status, result.exit_code, result.reason) == ("timeout", None, "limit:timeout")
    assert result.stdout == "begun\n"
    assert 700 <= result.duration_ms < 3_000


def test_files_made_are_artifacts(make_skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """Created, modified and deleted files are named with size and hash, relative to the workspace."""
    runtime.workspace.write_text("old.txt", "old")
    runtime.workspace.write_text("gone.txt", "gone")
    runtime.workspace.write_text("same.txt", "same")
    make_skill(
        "maker",
        main_py="import os\nos.makedirs('d')\nopen('d/new', 'w').write('n')\nopen('old.txt', 'a').write('!')\n"
        "os.remove('gone.txt')\n",
    )
    changes = {artifact.path: (artifact.change, artifact.size) for artifact in runtime.execute_skill("maker").artifacts}
    assert changes == {"d/new": ("created", 1), "old.txt": ("modified", 4), "gone.txt": ("deleted", 0)}


def test_streams_are_utf8_with_errors_replaced(make_skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """One bad byte costs one character, not the output."""
    make_skill("bytes", main_py="import sys\nsys.stdout.buffer.write(b'a\\xffb\\xc3\\xbc')\n")
    assert runtime.execute_skill("bytes").stdout == "a\N{REPLACEMENT CHARACTER}bü"


@pytest.mark.usefixtures("hello")
def test_output_is_told_live(make_skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """The listener hears the first line while the script still runs."""
    make_skill("talker", main_py="import sys, time\nprint('one')\ntime.sleep(0.5)\nprint('two', file=sys.stderr)\n")
    heard: list[tuple[str, str, float]] = []
    started = time.monotonic()
    runtime.execute_skill("talker", on_output=lambda name, text: heard.append((name, text, time.monotonic())))
    assert "".join(text for name, text, _ in heard if name == "stdout") == "one\n"
    assert "".join(text for name, text, _ in heard if name == "stderr") == "two\n"
    assert heard[-1][2] - heard[0][2] > 0.3
    assert heard[0][2] - started < 5


KINDS = {
    "script.sh": ("echo shell $1\n", "shell x"),
    "script.bash": ("a=(bash) ; echo ${a[0]} $1\n", "bash x"),
    "script.js": ("console.log('node', process.argv[2])\n", "node x"),
    "script.mjs": ("import os from 'os'; console.log('module', process.argv[2])\n", "module x"),
    "perl-script": ("#!/usr/bin/env perl\nprint 'perl ', $ARGV[0];\n", "perl x"),
    "python-script": ("#!/usr/bin/python3 -u\nimport sys\nprint('python', sys.argv[1])\n", "python x"),
    "sh-script": ("#! /bin/sh\necho sh $1\n", "sh x"),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_kind_of_script_picks_what_runs_it(
    make_skill: Callable[..., Path], runtime: OpenSkillRuntime, name: str
) -> None:
    """By suffix, else by the first line; the executable bit does not matter."""
    text, expected = KINDS[name]
    if name.endswith("js") and shutil.which("node") is None:
        pytest.skip("there is no node here")
    (make_skill("kinds") / name).write_text(text, encoding="utf-8")
    result = runtime.execute_skill("kinds", name, args=["x"])
    assert (result.stdout.strip(), result.stderr) == (expected, "")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("module.wasm", "\0asm", "WASM"),
        ("script.ts", "let x", "#!/usr/bin/env perl"),
        ("data.txt", "text", "nothing here runs data.txt"),
        ("other", "#!/no/such/program\n", "nothing here runs other"),
    ],
)
def test_what_nothing_runs_is_said(
    make_skill: Callable[..., Path], runtime: OpenSkillRuntime, name: str, text: str, words: str
) -> None:
    """The error names the file and what would work."""
    (make_skill("kinds") / name).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSkillError, match=words):
        runtime.execute_skill("kinds", name)


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["main.py", "script.py", "scripts/main.py"], "script.py"),
        (["main.sh", "index.py", "a.py"], "main.sh"),
        (["src/main.py", "scripts/script.py", "x.py"], "src/main.py"),
        (["scripts/index.py", "scripts/x.py"], "scripts/index.py"),
        (["deep/down/only.py", "deep/down/__init__.py", "notes.md"], "deep/down/only.py"),
    ],
)
def test_without_a_name_the_usual_script_is_run(
    make_skill: Callable[..., Path], runtime: OpenSkillRuntime, files: list[str], chosen: str
) -> None:
    """The documented order decides, then the only script there is."""
    root = make_skill("chooser")
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        text = f"print({name!r})" if name.endswith(".py") else f"echo {name}"
        (root / name).write_text(text, encoding="utf-8")
    assert runtime.execute_skill("chooser").stdout.strip() == chosen


def test_no_telling_which_script_is_meant_names_the_candidates(
    make_skill: Callable[..., Path], runtime: OpenSkillRuntime
) -> None:
    """Several unusual names, no script at all, and a misspelt one each get their sentence."""
    make_skill("several", one_py="", two_sh="")
    make_skill("none")
    with pytest.raises(InvalidSkillError, match=r"name one of: scripts/one\.py, scripts/two\.sh"):
        runtime.execute_skill("several")
    with pytest.raises(InvalidSkillError, match="has no script to run"):
        runtime.execute_skill("none")
    with pytest.raises(InvalidSkillError, match=r"did you mean 'scripts/one\.py'"):
        runtime.execute_skill("several", "scripts/onn.py")
    with pytest.raises(InvalidSkillError, match=r"did you mean 'scripts/two\.sh'"):
        runtime.execute_skill("several", "two.sh")


@pytest.mark.usefixtures("hello")
@pytest.mark.parametrize("script", ["../secret.py", "/etc/passwd", "scripts/../../secret.py", "link.py"])
def test_a_script_outside_the_skill_is_refused(runtime: OpenSkillRuntime, skills: Path, script: str) -> None:
    """However it is written, and a link that leads out too."""
    (skills / "secret.py").write_text("print('ran')", encoding="utf-8")
    (skills / "hello" / "link.py").symlink_to(skills / "secret.py")
    with pytest.raises((PathEscapeError, InvalidSkillError)) as caught:
        runtime.execute_skill("hello", script)
    assert "link" in script or caught.type is PathEscapeError


@pytest.mark.usefixtures("hello")
def test_an_unknown_skill_is_named_with_near_matches(runtime: OpenSkillRuntime) -> None:
    """The likeliest mistake gets the likeliest answer."""
    with pytest.raises(SkillNotFoundError, match="did you mean hello"):
        runtime.execute_skill("helo")


@pytest.mark.usefixtures("hello")
@pytest.mark.parametrize("word", ["x" * 131_072, "nul\0"], ids=["long", "nul"])
def test_what_no_program_can_be_started_with_is_said(runtime: OpenSkillRuntime, word: str) -> None:
    """Too long an argument, or one with a NUL, is refused with the way out."""
    with pytest.raises(LimitExceededError, match="standard input or in a workspace file"):
        runtime.execute_skill("hello", args=[word])
    with pytest.raises(LimitExceededError, match="argument"):
        runtime.run_command(word)


@pytest.mark.usefixtures("hello")
def test_a_bare_string_where_a_sequence_is_meant_is_a_type_error(runtime: OpenSkillRuntime, skills: Path) -> None:
    """A string would iterate into letters and hide the mistake."""
    for wrong in (
        lambda: runtime.execute_skill("hello", args="abc"),
        lambda: OpenSkillRuntime(str(skills)),
        lambda: OpenSkillRuntime(skills),  # type: ignore[arg-type]  # the mistake under test
        lambda: OpenSkillRuntime([skills], prompt_dirs="prompts"),
        lambda: HostPolicy(deny="Write"),
        lambda: HostPolicy(network="example.com"),
        lambda: runtime.tools(include="read_file"),
    ):
        with pytest.raises(TypeError, match="sequence"):
            wrong()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Limits(timeout_ms=0), "timeout_ms must be greater than 0"),
        (lambda: HostPolicy(fallback="maybe"), "fallback"),  # type: ignore[arg-type]  # the mistake under test
        (lambda: OpenSkillRuntime(policy=HostPolicy(deny=["Bash("])), "Bash"),
        (lambda: OpenSkillRuntime(policy=HostPolicy(deny=["Bsh"])), "did you mean Bash"),
        (lambda: OpenSkillRuntime(policy=HostPolicy(deny=["Writ(x)"])), "did you mean Write"),
        (lambda: OpenSkillRuntime(preset="other", standard_locations=True), "preset"),  # type: ignore[arg-type]  # likewise
    ],
)
def test_settings_that_cannot_be_meant_are_refused_at_once(make: Callable[[], object], words: str) -> None:
    """Not at the first call, hours later."""
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.usefixtures("hello")
def test_input_and_stdin_together_are_a_type_error(runtime: OpenSkillRuntime) -> None:
    """Standard input can be one thing only."""
    with pytest.raises(TypeError, match="not both"):
        runtime.execute_skill("hello", input={}, stdin="")


def test_large_input_comes_over_standard_input_only(make_skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """SKILL_INPUT is set for small input and left out where it would not fit."""
    make_skill("sizes", main_py="import os, sys\nprint(len(sys.stdin.read()), 'SKILL_INPUT' in os.environ)\n")
    assert runtime.execute_skill("sizes", input="x" * 10).stdout == "12 True\n"
    assert runtime.execute_skill("sizes", input="x" * 1_000_000).stdout == "1000002 False\n"


def test_modules_beside_a_script_and_in_the_skills_root_can_be_imported(
    make_skill: Callable[..., Path], runtime: OpenSkillRuntime
) -> None:
    """As when the script is run by hand from the skill's directory."""
    root = make_skill("modular", main_py="import sibling, scripts.sibling, top\nprint(sibling.x, top.x)\n")
    (root / "scripts" / "sibling.py").write_text("x = 1\n", encoding="utf-8")
    (root / "top.py").write_text("x = 2\n", encoding="utf-8")
    result = runtime.execute_skill("modular")
    assert (result.stdout, result.stderr) == ("1 2\n", "")
    assert not list(root.rglob("__pycache__"))


def test_variables_named_by_the_policy_are_handed_over_and_no_others(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none that would steer the loader or an interpreter."""
    monkeypatch.setenv("WANTED", "given")
    monkeypatch.setenv("OTHER", "secret")
    make_skill("env", main_py="import os\nprint(os.environ.get('WANTED'), os.environ.get('OTHER'))\n")
    assert make_runtime(policy=HostPolicy(env=["WANTED"])).execute_skill("env").stdout == "given None\n"
    with pytest.raises(PermissionDeniedError, match="LD_PRELOAD"):
        make_runtime(policy=HostPolicy(env=["LD_PRELOAD"])).execute_skill("env")


def test_a_command_runs_in_the_workspace_and_sees_every_skill(
    hello: Path, make_skill: Callable[..., Path], runtime: OpenSkillRuntime
) -> None:
    """`bash -c`, with the configured interpreter first on PATH; hidden skills stay hidden."""
    hidden = make_skill("hidden", frontmatter="description: Hidden.\ndisable-model-invocation: true\n")
    runtime.workspace.write_text("data.txt", "abc")
    result = runtime.run_command(
        f"wc -c < data.txt | tr -d ' '; test -r {hello}/SKILL.md && echo seen; command -v python3"
    )
    assert result.stdout.splitlines() == ["3", "seen", str(Path(sys.executable).parent / "python3")]
    assert runtime.run_command(f"ls {hidden}").status == "failed"


def test_a_command_for_a_skill_knows_its_directory(hello: Path, runtime: OpenSkillRuntime) -> None:
    """With `skill_id` there is CLAUDE_SKILL_DIR."""
    assert runtime.run_command("echo $CLAUDE_SKILL_DIR", skill_id="hello").stdout.strip() == str(hello)
    assert runtime.run_command("echo [$CLAUDE_SKILL_DIR]").stdout == "[]\n"


def test_a_command_that_looks_for_scripts_in_the_workspace_gets_a_hint(hello: Path, runtime: OpenSkillRuntime) -> None:
    """The commonest mistake of models is answered with the path to use."""
    result = runtime.run_command("python3 scripts/main.py --x", skill_id="hello")
    assert result.status == "failed"
    assert f"use {hello}/scripts/main.py" in result.stderr
    assert "hint" not in runtime.run_command("exit 3").stderr


@pytest.mark.usefixtures("hello")
def test_every_attempt_leaves_exactly_one_record(make_runtime: Callable[..., OpenSkillRuntime]) -> None:
    """Run, failed, refused, invalid and impossible: each one, and the chain verifies."""
    runtime = make_runtime(policy=HostPolicy(deny=["run_command(rm *)"]))
    runtime.execute_skill("hello")
    runtime.run_command("exit 3")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: runtime.run_command("rm -rf x"),
        lambda: runtime.execute_skill("nobody"),
        lambda: runtime.execute_skill("hello", "no.py"),
        lambda: runtime.execute_skill("hello", timeout_ms=-1),
        lambda: runtime.execute_skill("hello", input=object()),
        lambda: make_runtime(policy=HostPolicy(deny=["Bash"])).execute_skill("hello"),
    )
    for attempt in attempts:
        with pytest.raises(Exception):  # noqa: B017, PT011 - each its own; the record is what counts
            attempt()
    records = runtime.audit.records()
    expected = ["success", "failed", "denied", "refused", "refused", "crashed", "crashed", "refused"]
    assert [record["status"] for record in records] == expected
    assert runtime.audit.verify().ok


def test_a_record_tells_what_ran_and_what_held(hello: Path, make_runtime: Callable[..., OpenSkillRuntime]) -> None:
    """Hashes of script, input and output, the decisions, the limits, the sandbox, the files and the labels."""
    scope = make_runtime().scoped(labels={"user": "alice"})
    result = scope.execute_skill("hello", args=["x"])
    (record,) = scope.audit.records()
    assert record["id"] == result.record_id
    assert record["target"] == "scripts/main.py"
    for key in ("script_sha256", "args_sha256", "input_sha256", "stdout_sha256", "stderr_sha256"):
        assert len(record[key]) == 64
    assert record["sandbox"] == {"backend": "bubblewrap", "tier": "full", "warm": False, "degraded": []}
    assert record["decisions"][0]["outcome"] == "allow"
    assert record["limits"]["timeout_ms"] == 30_000
    assert record["labels"] == {"user": "alice"}
    assert record["workspace"] == str(scope.workspace.root)
    assert hello.name == record["skill_id"]


@pytest.mark.usefixtures("hello")
def test_what_the_policy_asks_about_is_asked_and_the_answer_recorded(
    make_runtime: Callable[..., OpenSkillRuntime],
) -> None:
    """Allowed once, refused, and nobody there to ask."""
    asked: list[ApprovalRequest] = []
    answers = [Approval.ALLOW_ONCE, Approval.DENY]

    def approve(request: ApprovalRequest) -> Approval:
        asked.append(request)
        return answers[len(asked) - 1]

    policy = HostPolicy(ask=["Bash(git *)"])
    runtime = make_runtime(policy=policy, approve=approve)
    assert runtime.run_command("git --version").status == "success"
    assert runtime.run_command("true").status == "success"
    with pytest.raises(PermissionDeniedError):
        runtime.run_command("git status")
    with pytest.raises(PermissionDeniedError, match="approve="):
        make_runtime(policy=policy).run_command("git status")
    assert [request.detail for request in asked] == ["git --version", "git status"]


def test_denying_bash_refuses_what_cannot_be_confined_to_it(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """Commands and shell scripts are denied; a Python script is refused rather than run with processes allowed."""
    make_skill("both", one_py="print(1)", two_sh="echo 2")
    runtime = make_runtime(policy=HostPolicy(deny=["Bash"]))
    with pytest.raises(PermissionDeniedError):
        runtime.run_command("true")
    with pytest.raises(PermissionDeniedError):
        runtime.execute_skill("both", "scripts/two.sh")
    with pytest.raises(SandboxUnavailableError, match="Bash"):
        runtime.execute_skill("both", "scripts/one.py")


@pytest.mark.usefixtures("hello")
def test_scopes_share_skills_and_log_and_nothing_else(
    tmp_path: Path, make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """Two users of one runtime have each a workspace and a policy of their own."""
    runtime = make_runtime()
    alice = runtime.scoped(workspace_dir=tmp_path / "alice", labels={"user": "alice"})
    bob = runtime.scoped(workspace_dir=tmp_path / "bob", policy=HostPolicy(deny=["Write"]), labels={"user": "bob"})
    alice.run_command("echo secret > note")
    assert (tmp_path / "alice" / "note").read_text() == "secret\n"
    assert bob.run_command(f"ls; cat {tmp_path}/alice/note; touch x").stdout == ""
    assert bob.run_command("touch x").status == "failed"
    assert [record["labels"]["user"] for record in runtime.audit.records()] == ["alice", "bob", "bob"]
    assert alice.list_skills() == bob.list_skills()
    alice.close()
    assert bob.run_command("true").status == "success"


@pytest.mark.usefixtures("hello")
def test_a_temporary_workspace_is_private_and_removed_and_a_named_one_stays(
    make_runtime: Callable[..., OpenSkillRuntime], tmp_path: Path
) -> None:
    """Even one with a tree too deep for an ordinary removal."""
    runtime = make_runtime(workspace_dir=None)
    root = runtime.workspace.root
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    deep = "for _ in range(1500): os.mkdir('d'); os.chdir('d')"
    assert runtime.run_command(f'python3 -c "import os\n{deep}"').status == "success"
    runtime.close()
    assert not root.exists()
    named = make_runtime(workspace_dir=tmp_path / "named" / "deep")
    named.run_command("touch kept")
    named.close()
    assert (tmp_path / "named" / "deep" / "kept").exists()


@pytest.mark.usefixtures("hello")
def test_awaitable_calls_do_not_block_the_loop(runtime: OpenSkillRuntime, make_skill: Callable[..., Path]) -> None:
    """Ten slow scripts at once take about as long as one, and the loop goes on meanwhile."""
    make_skill("slow", main_py="import time\ntime.sleep(1)\nprint('done')\n")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.05)
            ticks += 1

    async def main() -> list[ExecutionResult]:
        ticking = asyncio.create_task(tick())
        results = await asyncio.gather(*(runtime.aexecute_skill("slow") for _ in range(10)))
        ticking.cancel()
        assert (await runtime.aactivate_skill("slow")).id == "slow"
        assert (await runtime.arun_command("echo hi")).stdout == "hi\n"
        return results

    results = asyncio.run(main())
    assert [result.stdout for result in results] == ["done\n"] * 10
    assert ticks > 5


@pytest.mark.usefixtures("hello")
def test_a_callers_own_event_cancels_an_awaited_call(runtime: OpenSkillRuntime) -> None:
    """`cancel` works the same for the awaitable calls."""
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    assert asyncio.run(runtime.arun_command("sleep 30", cancel=cancel)).status == "cancelled"


@pytest.mark.usefixtures("hello")
def test_no_more_calls_run_at_once_than_allowed(make_runtime: Callable[..., OpenSkillRuntime]) -> None:
    """Further ones wait for their turn."""
    runtime = make_runtime(max_concurrent=2)
    spans: list[tuple[float, float]] = []

    def call() -> None:
        result = runtime.run_command("date +%s.%N; sleep 0.4; date +%s.%N")
        start, end = map(float, result.stdout.split())
        spans.append((start, end))

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    overlaps = [sum(start <= moment < end for start, end in spans) for moment, _ in spans]
    assert max(overlaps) <= 2


def test_more_concurrent_users_than_ids_is_a_limit() -> None:
    """Throw-away users are never shared between two runs."""
    users = RunUsers()
    taken = [users.take() for _ in users.ids]
    assert len(set(taken)) == len(taken)
    with pytest.raises(LimitExceededError, match="at once"):
        users.take()
    users.give_back(taken[0])
    assert users.take() == taken[0]


@pytest.mark.usefixtures("hello")
def test_everything_works_from_any_thread(runtime: OpenSkillRuntime) -> None:
    """Many threads, one runtime, each its own result."""
    results: dict[int, object] = {}

    def call(number: int) -> None:
        results[number] = runtime.execute_skill("hello", args=[str(number)]).output["args"]

    threads = [threading.Thread(target=call, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [str(number)] for number in range(12)}
    assert runtime.audit.verify().records == 12


def test_relative_directories_with_spaces_and_umlauts_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_skill: Callable[..., Path]
) -> None:
    """The quick start of every user: `from_directory("./skills", workspace_dir="./output")`."""
    make_skill("hello", main_py="open('made', 'w')\nprint('hi')\n")
    place = tmp_path / "mein Ordner ü"
    place.mkdir()
    (tmp_path / "skills").rename(place / "skills & more")
    monkeypatch.chdir(place)
    with OpenSkillRuntime.from_directory("./skills & more", workspace_dir="./out put") as runtime:
        monkeypatch.chdir(tmp_path)
        assert runtime.execute_skill("hello").stdout == "hi\n"
    assert (place / "out put" / "made").exists()


@pytest.mark.usefixtures("hello")
def test_a_virtual_environment_outside_usr_runs_scripts(
    tmp_path: Path, make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """Its own packages are importable, through the links it is made of."""
    environment = tmp_path / "my env"
    venv.EnvBuilder(symlinks=True).create(environment)
    libraries = next(environment.glob("lib/python*/site-packages"))
    (libraries / "only_here.py").write_text("x = 'found'\n", encoding="utf-8")
    make_skill("importer", main_py="import sys, only_here\nprint(only_here.x, sys.prefix)\n")
    runtime = make_runtime(python=environment / "bin" / "python")
    assert runtime.execute_skill("importer").stdout == f"found {environment}\n"


@pytest.mark.usefixtures("hello")
def test_an_interpreter_named_through_dots_and_links_works(
    tmp_path: Path, make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """`../.venv/bin/python` and a link to a virtual environment are ways to name one."""
    environment = tmp_path / "env"
    venv.EnvBuilder(symlinks=True).create(environment)
    (tmp_path / "link").symlink_to(environment)
    (tmp_path / "sub").mkdir()
    for spelling in ("sub/../env/bin/python", "link/bin/python"):
        assert make_runtime(python=tmp_path / spelling).execute_skill("hello").status == "success"


def test_an_interpreter_that_is_none_is_said(make_runtime: Callable[..., OpenSkillRuntime], hello: Path) -> None:
    """A wrong path and a program that is no Python each name the keyword to mend."""
    for wrong, words in ((hello / "nothing", "python="), ("/bin/true", "does not answer as a Python")):
        with pytest.raises(SandboxUnavailableError, match=words):
            make_runtime(python=wrong).execute_skill("hello")


def test_activation_and_files_of_a_skill(make_skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """The bare rendered body, its resources, and reading beneath the skill only."""
    root = make_skill("doc", body="Do $ARGUMENTS now.\n", main_py="print(1)\n")
    (root / "notes.md").write_text("notes", encoding="utf-8")
    active = runtime.activate_skill("doc", "this")
    assert (active.instructions.strip(), active.skill_dir) == ("Do this now.", root)
    assert active.resources == ("notes.md", "scripts/main.py")
    assert runtime.read_skill_file("doc", "notes.md") == "notes"
    assert runtime.list_skill_files("doc") == ["SKILL.md", "notes.md"]
    assert runtime.list_skill_files("doc", recursive=True) == ["SKILL.md", "notes.md", "scripts/main.py"]
    with pytest.raises(PathEscapeError):
        runtime.read_skill_file("doc", "../doc2/SKILL.md")
    with pytest.raises(WorkspaceError):
        runtime.read_skill_file("doc", "absent.md")


def test_one_bad_skill_hides_no_good_one(
    make_skill: Callable[..., Path], runtime: OpenSkillRuntime, skills: Path
) -> None:
    """It is listed with a diagnostic, or explained by one."""
    make_skill("good")
    (skills / "bad").mkdir()
    (skills / "bad" / "SKILL.md").write_bytes(b"---\nname: [unclosed\n---\n\xff\xfe")
    assert "good" in [skill.id for skill in runtime.discover_skills()]
    assert any(diagnostic.skill_id == "bad" and diagnostic.severity == "error" for diagnostic in runtime.diagnostics)
    assert all(f"{diagnostic.path}:{diagnostic.line}: " in str(diagnostic) for diagnostic in runtime.diagnostics)


def test_the_default_log_is_the_users_own(skills: Path) -> None:
    """Beneath XDG_STATE_HOME, mode 0600, and making a runtime writes nothing."""
    with OpenSkillRuntime.from_directory(skills) as runtime:
        path = Path(os.environ["XDG_STATE_HOME"]) / "openskills" / "audit.jsonl"
        assert isinstance(runtime.audit, AuditLog)
        assert runtime.audit.path == path
        assert not path.exists()
        runtime.run_command("true")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_report_says_what_holds(runtime: OpenSkillRuntime) -> None:
    """Measured inside; and where nothing can be had, the report says how to get it."""
    assert runtime.sandbox_report().tier == "full"
    none = OpenSkillRuntime(sandbox="unconfined").sandbox_report()
    assert (none.tier, none.available) == ("none", True)
    assert none.holes


def test_check_tool_asks_nobody(make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]) -> None:
    """Outcome, rule and reason, for a skill or for the agent itself."""
    make_skill("git", frontmatter="description: Git.\nallowed-tools: Bash(git *)\n")
    runtime = make_runtime(policy=HostPolicy(ask=["Bash"], deny=["Bash(rm *)"]))
    assert runtime.check_tool("git", "Bash", "git status").outcome == "allow"
    assert runtime.check_tool("", "Bash", "git status").outcome == "ask"
    assert runtime.check_tool("git", "Bash", "rm -rf /").rule == "Bash(rm *)"


def test_stopping_a_runtime_twice_and_using_it_again_is_fine(runtime: OpenSkillRuntime, hello: Path) -> None:
    """`close()` ends what runs; it does not break the object."""
    assert runtime.execute_skill(hello.name).status == "success"
    runtime.close()
    runtime.close()
    assert runtime.execute_skill(hello.name).status == "success"
