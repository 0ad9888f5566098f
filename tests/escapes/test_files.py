"""What a script may read and write: the workspace, its own skill for reading, and nothing of the host."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import AuditError, HostPolicy, SandboxUnavailableError, WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from openskills_core import OpenSkillRuntime
    from tests.escapes.conftest import Attacker

READ = {"py": "import sys\nprint(open(sys.argv[1]).read())\n", "sh": 'cat "$1"\n'}
WRITE = {"py": "import sys\nopen(sys.argv[1], 'a').write('pwned')\n", "sh": 'printf pwned >> "$1"\n'}
LANGUAGES = ("py", "sh")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [".ssh/id_rsa", ".aws/credentials", ".netrc", ".git-credentials"])
def test_credentials_in_the_home_directory_cannot_be_read(attacker: Attacker, language: str, name: str) -> None:
    """A private key in the host's home is invisible inside, though the same script reads it outside."""
    secret = Path.home() / name
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("TOP-SECRET", encoding="utf-8")
    assert "TOP-SECRET" in attacker.control(READ[language], secret, language=language).stdout
    result = attacker.strike(READ[language], secret, language=language)
    assert result.status == "failed"
    assert "TOP-SECRET" not in result.stdout + result.stderr


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_outside_the_workspace_can_be_written(attacker: Attacker, outside: Path, language: str) -> None:
    """A neighbouring directory of the workspace stays as it was."""
    target = outside / "victim"
    attacker.control(WRITE[language], target, language=language)
    assert target.read_text() == "pwned"
    target.unlink()
    assert attacker.strike(WRITE[language], target, language=language).status == "failed"
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_skill_cannot_rewrite_its_own_instructions(attacker: Attacker, language: str) -> None:
    """SKILL.md and the scripts are read-only, or an injected instruction would outlive the call."""
    manual = attacker.skill / "SKILL.md"
    before = manual.read_bytes()
    assert attacker.strike(WRITE[language], manual, language=language).status == "failed"
    assert manual.read_bytes() == before
    attacker.control(WRITE[language], manual, language=language)
    assert manual.read_bytes() == before + b"pwned"


def test_a_symlink_in_the_workspace_does_not_lead_out(attacker: Attacker, outside: Path) -> None:
    """Writing through a link to the outside finds nothing there."""
    script = "import os, sys\nos.symlink(sys.argv[1], 'link')\nopen('link/victim', 'w').write('pwned')\n"
    assert attacker.strike(script, outside).status == "failed"
    assert list(outside.iterdir()) == []
    attacker.confined.workspace.delete("link")
    attacker.control(script, outside)
    assert [path.name for path in outside.iterdir()] == ["victim"]


def test_the_host_reading_artifacts_does_not_follow_links_out(attacker: Attacker, outside: Path) -> None:
    """A link that a script leaves is no artifact, and the workspace tools do not read through it."""
    (outside / "secret").write_text("TOP-SECRET", encoding="utf-8")
    result = attacker.strike("import os, sys\nos.symlink(sys.argv[1], 'report.txt')\n", outside / "secret")
    assert (result.status, result.artifacts) == ("success", ())
    read = attacker.confined.tools().call("read_file", {"path": "report.txt"})
    assert (read.is_error, read.code) == (True, "path-escape")


def test_metadata_outside_cannot_be_changed_or_even_seen(attacker: Attacker, outside: Path) -> None:
    """chmod, utime and stat fail alike for what exists and for what does not: no oracle."""
    victim = outside / "victim"
    victim.write_text("x", encoding="utf-8")
    victim.chmod(0o600)
    script = """
        import os, sys
        for path in sys.argv[1:]:
            for act in (os.stat, lambda p: os.chmod(p, 0o777), lambda p: os.utime(p, (1, 1))):
                try:
                    act(path)
                    print("done")
                except OSError as error:
                    print(error.errno)
    """
    assert "done" in attacker.control(script, victim).stdout
    victim.chmod(0o600)
    lines = attacker.strike(script, victim, outside / "absent").stdout.split()
    assert lines == ["2"] * 6
    assert victim.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/ssh/ssh_host_rsa_key", "/root/.bashrc", "/var/log", "/boot", "/sys"]
)
def test_the_hosts_system_files_do_not_exist_inside(attacker: Attacker, path: str) -> None:
    """Only what programs need to run is there."""
    result = attacker.strike("import os, sys\nprint(os.path.exists(sys.argv[1]))\n", path)
    assert result.stdout.strip() == "False"


def test_etc_holds_no_secret_and_no_trace_of_the_host(attacker: Attacker) -> None:
    """The user list and the host name are made up."""
    result = attacker.strike("import socket\nprint(open('/etc/passwd').read(), socket.gethostname())\n")
    assert socket.gethostname() not in result.stdout
    names = {line.split(":")[0] for line in result.stdout.splitlines() if ":" in line}
    assert names == {"root", "nobody", "sandbox"}


def test_tmp_and_home_are_private_empty_and_gone_afterwards(attacker: Attacker) -> None:
    """What one call leaves in /tmp, HOME or /dev/shm the next one does not find, nor does the host."""
    script = """
        import os, pathlib
        for folder in ("/tmp", os.environ["HOME"], "/dev/shm"):
            path = pathlib.Path(folder, "left-behind")
            print(path.exists())
            path.write_text("x")
    """
    for _ in range(2):
        result = attacker.strike(script)
        assert (result.status, result.stdout.split()) == ("success", ["False"] * 3)
    assert not Path("/tmp/left-behind").exists()
    assert not Path("/dev/shm/left-behind").exists()


def test_the_root_of_the_sandbox_is_read_only(attacker: Attacker) -> None:
    """No unbounded file system is left to fill."""
    script = """
        import os
        for path in ("/x", "/etc/x", "/usr/x", "/dev/x", "/home/x", "/var/x", "/proc/sys/kernel/core_pattern"):
            try:
                open(path, "w").write("x")
                print("written", path)
            except OSError:
                pass
    """
    assert attacker.strike(script).stdout == ""


def test_a_fifo_and_odd_names_left_in_the_workspace_do_not_hang_or_crash_the_host(attacker: Attacker) -> None:
    """Reading, listing and hashing what a script left comes to an end, whatever it is."""
    script = """
        import os, socket
        os.mkfifo("pipe")
        socket.socket(socket.AF_UNIX).bind("sock")
        open(b"\\xff\\xfe", "w").write("x")
        open("new\\nline", "w").write("x")
        open("-rf", "w").write("x")
    """
    result = attacker.strike(script)
    assert result.status == "success"
    assert len(result.artifacts) == 3
    tools = attacker.confined.tools()
    assert not tools.call("list_files", {}).is_error
    assert tools.call("read_file", {"path": "pipe"}).is_error
    assert not tools.call("grep", {"pattern": "x"}).is_error


@pytest.mark.parametrize(
    "path", ["/", "/etc", "/usr", "/home", "/proc", "/tmp", "~", "~/.."], ids=lambda path: path.replace("/", "_")
)
def test_a_workspace_that_would_open_the_host_is_refused(
    make_runtime: Callable[..., OpenSkillRuntime], path: str
) -> None:
    """The root, a system directory, the home or what holds it cannot be made writable for scripts."""
    wide = os.path.normpath(Path(path).expanduser())
    with pytest.raises(WorkspaceError, match="cannot be a workspace"):
        make_runtime(workspace_dir=wide)
    if wide not in ("/etc", "/proc"):
        with pytest.raises((SandboxUnavailableError, AuditError), match=r"cannot be writable|audit log"):
            make_runtime(policy=HostPolicy(write_paths=[wide])).run_command("true")


def test_denying_write_makes_the_workspace_read_only(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """The rule binds the sandbox, not only the tools."""
    make_skill("writer", main_py="open('x', 'w')")
    assert make_runtime().execute_skill("writer").status == "success"
    result = make_runtime(policy=HostPolicy(deny=["Write"])).execute_skill("writer")
    assert result.status == "failed"
    assert "Read-only file system" in result.stderr


def test_denying_read_empties_the_workspace(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """A script that may read nothing sees no file of the workspace."""
    make_skill("lister", main_py="import os\nprint(os.listdir('.'))")
    make_runtime().workspace.write_text("secret.txt", "x")
    assert make_runtime().execute_skill("lister").stdout == "['secret.txt']\n"
    assert make_runtime(policy=HostPolicy(deny=["Read"])).execute_skill("lister").stdout == "[]\n"


def test_paths_that_the_host_grants_are_seen_as_granted(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime], outside: Path
) -> None:
    """A read path is readable and not writable, a write path both."""
    (outside / "in").mkdir()
    (outside / "out").mkdir()
    (outside / "in" / "data").write_text("given", encoding="utf-8")
    make_skill(
        "granted",
        main_py=f"""
import pathlib
print(pathlib.Path({str(outside / "in" / "data")!r}).read_text())
pathlib.Path({str(outside / "out" / "made")!r}).write_text("made")
try:
    pathlib.Path({str(outside / "in" / "made")!r}).write_text("made")
except OSError:
    print("refused")
""",
    )
    policy = HostPolicy(read_paths=[str(outside / "in")], write_paths=[str(outside / "out")])
    assert make_runtime(policy=policy).execute_skill("granted").stdout == "given\nrefused\n"
    assert (outside / "out" / "made").read_text() == "made"
    assert (outside / "out" / "made").stat().st_uid == os.getuid()
