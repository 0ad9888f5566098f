"""The reduced tier and files: nothing of the host's read or changed, and the ways that are left open are as told."""

from __future__ import annotations

import errno
import os
import platform
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import AuditLog, HostPolicy, OpenSkillRuntime, SandboxUnavailableError
from tests.escapes.reduced.conftest import AS_ROOT, PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable

    from openskills_core.sandbox import Sandbox
    from tests.escapes.conftest import Attacker

READ = {"py": "import sys\nprint(open(sys.argv[1]).read())\n", "sh": 'cat "$1"\n'}
WRITE = {"py": "import sys\nopen(sys.argv[1], 'a').write('pwned')\n", "sh": 'printf pwned >> "$1"\n'}
LANGUAGES = ("py", "sh")
EVERYBODY = 0o777

# Tries each line of Python that it is given, with the path as `p`, and prints the names of the errors, "done" for none.
TRY = """
    import ctypes, errno, os, sys
    libc = ctypes.CDLL(None, use_errno=True)
    def call(name, *arguments):
        if getattr(libc, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), name)
    p, *lines = sys.argv[1:]
    for line in lines:
        try:
            exec(line)
            print("done")
        except OSError as error:
            print(errno.errorcode.get(error.errno, error))
"""


def _planted(path: Path, text: str = "TOP-SECRET") -> Path:
    """Make a file that everybody may read and write, permissions permitting."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o666)
    path.parent.chmod(EVERYBODY)
    return path


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory of the host that no grant names, and that permissions leave open to everybody."""
    folder = tmp_path / "outside"
    folder.mkdir()
    folder.chmod(EVERYBODY)
    return folder


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [".ssh/id_rsa", ".aws/credentials"])
def test_credentials_in_the_home_directory_cannot_be_read(attacker: Attacker, language: str, name: str) -> None:
    """A private key in the host's home stays closed, though the same script reads it outside."""
    secret = _planted(Path.home() / name)
    assert "TOP-SECRET" in attacker.control(READ[language], secret, language=language).stdout
    result = attacker.strike(READ[language], secret, language=language)
    assert result.status == "failed"
    assert "TOP-SECRET" not in result.stdout + result.stderr
    assert "Permission denied" in result.stderr


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_outside_the_workspace_can_be_written(attacker: Attacker, outside: Path, language: str) -> None:
    """A neighbouring directory of the workspace stays as it was."""
    target = outside / "victim"
    attacker.control(WRITE[language], target, language=language)
    assert target.read_text() == "pwned"
    target.unlink()
    assert attacker.strike(WRITE[language], target, language=language).status == "failed"
    assert list(outside.iterdir()) == []


CHANGES = {
    "truncate": "os.truncate(p, 0)",
    "cut off while opening": "os.open(p, os.O_RDONLY | os.O_TRUNC)",
    "remove": "os.unlink(p)",
    "rename": "os.rename(p, p + '.moved')",
    "move in": "os.rename(p, 'mine')",
    "link in": "os.link(p, 'linked')",
    "move out": "open('own', 'w').close(); os.rename('own', p)",
    "link out": "open('own', 'w').close(); os.link('own', p + '.linked')",
    "make a directory": "os.mkdir(p + '.d')",
    "make a link": "os.symlink('x', p + '.l')",
    "make a FIFO": "os.mkfifo(p + '.f')",
    "through a link": "os.symlink(p, 'way'); open('way', 'w').write('x')",
    "through /proc/self/root": "open('/proc/self/root' + p, 'w').write('x')",
    "through a descriptor": "fd = os.open(p, os.O_PATH); open(f'/proc/self/fd/{fd}', 'w').write('x')",
    "through dots": "open('../outside/' + os.path.basename(p), 'w').write('x')",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_outside_cannot_be_changed(attacker: Attacker, outside: Path, change: str) -> None:
    """Whatever the way, the file and its directory are as before; without a sandbox each of the ways works."""
    victim = _planted(outside / "victim")
    before = victim.stat()
    said = attacker.strike(TRY, victim, CHANGES[change]).stdout.split()
    assert said[0] in ("EACCES", "EPERM", "EXDEV"), said
    assert [path.name for path in outside.iterdir()] == ["victim"]
    after = victim.stat()
    assert (victim.read_text(), after.st_ino, after.st_nlink) == ("TOP-SECRET", before.st_ino, 1)
    assert attacker.control(TRY, victim, "if os.path.lexists('way'): os.unlink('way')", CHANGES[change]).stdout == (
        "done\ndone\n"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_skill_cannot_rewrite_its_own_instructions(attacker: Attacker, language: str) -> None:
    """SKILL.md and the scripts are read-only, whoever may write to them by their permissions."""
    manual = attacker.skill / "SKILL.md"
    manual.chmod(0o666)
    before = manual.read_bytes()
    assert attacker.strike(WRITE[language], manual, language=language).status == "failed"
    assert manual.read_bytes() == before
    attacker.control(WRITE[language], manual, language=language)
    assert manual.read_bytes() == before + b"pwned"


def test_the_private_directory_of_another_call_cannot_be_read(attacker: Attacker) -> None:
    """Two calls of one user at once: neither finds the other's HOME or temporary files, though it knows the path."""
    wait = "import os, time, sys\nopen(os.environ['TMPDIR'] + '/key', 'w').write('TOP-SECRET')\n"
    other: list[str] = []

    def look(_stream: str, text: str) -> None:
        if text.strip() and not other:
            script = f"{READ['py']}import os\nprint(os.listdir(os.path.dirname(sys.argv[1])))\n"
            (attacker.skill / "other.py").write_text(script, encoding="utf-8")
            result = attacker.confined.execute_skill("hostile", "other.py", args=[text.strip()])
            other.append(result.stdout + result.stderr)

    attacker.strike(
        f"{wait}print(os.environ['TMPDIR'] + '/key', flush=True)\ntime.sleep(1)\n", on_output=look, timeout_ms=5_000
    )
    assert "Permission denied" in other[0]
    assert "TOP-SECRET" not in other[0]


UNSEEN = {
    # Neither reading nor writing: Landlock asks for no right at all, and descriptors and devices could be controlled.
    "access mode 3": ("os.close(os.open(p, 3))", "EPERM"),
    "set an attribute": ("os.setxattr(p, 'user.note', b'x')", "ENOTSUP"),
    "read an attribute": ("os.getxattr(p, 'user.seen')", "ENOTSUP"),
    "list attributes": ("os.listxattr(p)", "ENOTSUP"),
    "remove an attribute": ("os.removexattr(p, 'user.seen')", "ENOTSUP"),
    "change the owner": ("os.chown(p, os.getuid(), -1)", "EPERM"),
    "watch a directory": ("fd = libc.inotify_init(); call('inotify_add_watch', fd, p.encode(), 2)", "EPERM"),
}


@pytest.mark.parametrize("way", UNSEEN)
def test_what_landlock_does_not_look_at_is_refused_by_the_filter(attacker: Attacker, outside: Path, way: str) -> None:
    """Calls on a path outside that no rule about files covers."""
    line, error = UNSEEN[way]
    victim = _planted(outside / "victim")
    os.setxattr(victim, "user.seen", b"x")
    assert attacker.strike(TRY, victim, line).stdout.strip() == error
    assert os.getxattr(victim, "user.seen") == b"x"
    assert attacker.control(TRY, victim, line).stdout.strip() == "done"


def test_no_device_can_be_made_or_opened(attacker: Attacker) -> None:
    """Neither the kernel's log nor a terminal, nor a device node of one's own."""
    lines = [
        "os.mknod('device', 0o020666, os.makedev(1, 3))",
        "os.mknod('block', 0o060666, os.makedev(254, 0))",
        *(f"os.close(os.open('{name}', os.O_RDONLY))" for name in ("/dev/kmsg", "/dev/tty", "/dev/ptmx")),
    ]
    said = attacker.strike(TRY, "", *lines).stdout.split()
    assert said == ["EPERM", "EPERM", "EACCES", "EACCES", "EACCES"]
    assert list(attacker.confined.workspace.root.iterdir()) == []
    assert "done" in attacker.control(TRY, "", "os.close(os.open('/dev/ptmx', os.O_RDONLY))").stdout


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/hostname", "/root", "/home", "/var/log", "/tmp", "/dev/shm"])
def test_the_hosts_system_files_cannot_be_opened(attacker: Attacker, path: str) -> None:
    """Only what programs need to run is there."""
    line = "os.close(os.open(p, os.O_RDONLY))"
    if Path(path).exists():
        assert attacker.strike(TRY, path, line).stdout.strip() == "EACCES"


def test_tmp_and_home_are_private_empty_and_gone_afterwards(attacker: Attacker) -> None:
    """What one call leaves in TMPDIR or HOME the next one does not find, nor does the host; /tmp itself is closed."""
    script = """
        import os, pathlib, tempfile
        for name in ("TMPDIR", "HOME"):
            folder = pathlib.Path(os.environ[name])
            print(list(folder.iterdir()) == [], oct(folder.stat().st_mode))
            (folder / "left-behind" / "deep").mkdir(parents=True)
            print(folder)
        tempfile.NamedTemporaryFile().close()
        try:
            open("/tmp/left-behind", "w")
        except OSError as error:
            print(error.errno)
    """
    for _ in range(2):
        lines = attacker.strike(script).stdout.splitlines()
        assert [lines[0], lines[2]] == ["True 0o40700"] * 2
        assert lines[4] == str(errno.EACCES)
        assert not Path(lines[1], "left-behind").exists()
        assert not Path(lines[3], "left-behind").exists()
    assert not Path("/tmp/left-behind").exists()


@pytest.mark.parametrize(
    "script",
    [
        "import os\nos.chmod(os.environ['HOME'], 0)\n",
        "import os\nos.makedirs(os.environ['HOME'] + '/a/b')\nos.chmod(os.environ['HOME'] + '/a', 0)\n",
        "import os\nos.chdir(os.environ['HOME'])\nfor n in ['d' * 250] * 60:\n    os.mkdir(n)\n    os.chdir(n)\n",
        "import os\nos.rmdir(os.environ['HOME'])\nos.symlink('/', os.environ['HOME'])\n",
    ],
    ids=["closed", "closed inside", "deep", "replaced"],
)
def test_a_private_directory_is_removed_whatever_was_done_to_it(attacker: Attacker, script: str) -> None:
    """It is never given to another call either."""
    home = attacker.strike(f"{script}\nprint(os.environ['HOME'])\n").stdout.strip()
    assert home
    assert not Path(home).exists()
    assert not os.path.lexists(home)
    assert attacker.strike("import os\nprint(os.listdir(os.environ['HOME']))\n").stdout == "[]\n"


def test_no_set_user_id_program_can_be_left_behind(attacker: Attacker) -> None:
    """It would run as the workspace's owner for every user of the host."""
    lines = ["open('own', 'w').close(); os.chmod('own', 0o4755)", "os.close(os.open('made', os.O_CREAT, 0o4755))"]
    assert attacker.strike(TRY, "", *lines).stdout.split() == ["EPERM", "EPERM"]
    assert attacker.control(TRY, "", lines[1].replace("made", "other")).stdout == "done\n"
    modes = {path.name: path.stat().st_mode for path in attacker.confined.workspace.root.iterdir()}
    assert not modes["own"] & stat.S_ISUID
    assert modes["other"] & stat.S_ISUID


def test_what_a_script_leaves_cannot_mislead_or_hang_the_host(attacker: Attacker, outside: Path) -> None:
    """A link is no artifact and is not read through; a FIFO is not waited for."""
    secret = _planted(outside / "secret")
    script = (
        "import os, sys\nos.symlink(sys.argv[1], 'report.txt')\nos.mkfifo('pipe')\nopen('new\\nline', 'w').close()\n"
    )
    result = attacker.strike(script, secret)
    assert [artifact.path for artifact in result.artifacts] == ["new\nline"]
    tools = attacker.confined.tools()
    assert tools.call("read_file", {"path": "report.txt"}).code == "path-escape"
    assert tools.call("read_file", {"path": "pipe"}).is_error


def test_hole_a_path_outside_can_be_asked_about(attacker: Attacker, outside: Path) -> None:
    """As the report says: that a path exists, its size, and where a link leads can be seen; a listing cannot."""
    _planted(outside / "victim")
    (outside / "link").symlink_to("somewhere")
    lines = ["print(os.stat(p + '/victim').st_size)", "print(os.readlink(p + '/link'))", "os.listdir(p)"]
    said = attacker.strike(TRY, outside, *lines).stdout.split()
    assert said == ["10", "done", "somewhere", "done", "EACCES"]


def test_hole_modes_and_times_of_the_hosts_own_files_can_be_changed(attacker: Attacker, outside: Path) -> None:
    """As the report says where the host is an ordinary user; with a root host scripts own nothing outside."""
    victim = outside / "victim"
    victim.write_text("x", encoding="utf-8")
    victim.chmod(0o644)
    said = attacker.strike(TRY, victim, "os.chmod(p, 0o600)", "os.utime(p, (1, 1))").stdout.split()
    assert said == (["EPERM", "EPERM"] if AS_ROOT else ["done", "done"])
    assert (stat.S_IMODE(victim.stat().st_mode) == 0o600) is not AS_ROOT


def test_hole_the_names_of_users_and_of_the_machine_can_be_read(attacker: Attacker) -> None:
    """As the report says; passwords are not among them."""
    assert attacker.strike(READ["py"], "/etc/passwd").stdout.startswith("root:")
    assert attacker.strike("import os\nprint(os.uname().nodename)\n").stdout.strip() == platform.node()


PROTECTED = {
    "a skill in the workspace": "skills/other/SKILL.md",
    "a repository": ".git/config",
    "credentials of a project": ".env",
}


@pytest.mark.parametrize("what", PROTECTED)
def test_a_workspace_that_holds_what_must_be_kept_from_scripts_is_refused(
    make_skill: Callable[..., Path], reduced: Sandbox, workspace: Path, tmp_path: Path, what: str
) -> None:
    """Landlock cannot take away inside of a directory what it gives for the whole of it."""
    folder = make_skill("hello", main_py="print('ran')").parent
    _planted(workspace / ".git" / "HEAD" if what.startswith("cred") else workspace / PROTECTED[what], "x")
    _planted(workspace / PROTECTED[what], "---\nname: other\ndescription: Does other things. Use it.\n---\n")
    log = AuditLog(tmp_path / "audit.jsonl")
    options = {"workspace_dir": workspace, "sandbox": reduced, "python": PYTHON, "audit": log}
    with OpenSkillRuntime([folder, workspace / "skills"], **options) as runtime:  # type: ignore[arg-type]  # their names
        with pytest.raises(SandboxUnavailableError, match=r"cannot keep .* inside of .* name a workspace"):
            runtime.execute_skill("hello")
        assert log.records()[-1]["status"] == "refused"


def test_the_policy_narrows_and_widens_what_is_seen(
    make_skill: Callable[..., Path], make_reduced: Callable[..., OpenSkillRuntime], outside: Path, workspace: Path
) -> None:
    """Denying Write or Read closes the workspace; granted paths are open as granted."""
    (workspace / "given").write_text("given", encoding="utf-8")
    _planted(outside / "in" / "data", "data")
    (outside / "out").mkdir()
    (outside / "out").chmod(EVERYBODY)
    make_skill(
        "looker",
        main_py=f"""
import errno
for path, mode in (("given", "r"), ("made", "w"), ({str(outside)!r} + "/in/data", "r"),
                   ({str(outside)!r} + "/in/data", "a"), ({str(outside)!r} + "/out/made", "w")):
    try:
        open(path, mode).close()
        print("done", end=" ")
    except OSError as error:
        print(errno.errorcode[error.errno], end=" ")
""",
    )
    paths = HostPolicy(read_paths=[str(outside / "in")], write_paths=[str(outside / "out")])
    policies = {
        "done done EACCES EACCES EACCES ": HostPolicy(),
        "done done done EACCES done ": paths,
        "done EACCES EACCES EACCES EACCES ": HostPolicy(deny=["Write"]),
        "EACCES EACCES EACCES EACCES EACCES ": HostPolicy(deny=["Read"]),
    }
    for expected, policy in policies.items():
        assert make_reduced(policy=policy).execute_skill("looker").stdout == expected
