"""What a hostile script would try first: the canaries' part that runs inside a sandbox.

Started as `python -I -S - NAME ARGUMENTS`, this text on standard input; imports the standard library only. It prints
"begun", then whatever it got hold of, and as its last line "tried" with how that ended: "passed", or the name of the
error. Each attack touches only what was planted for it, so that it may run without a sandbox too.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

# What only some attacks need is imported there: each attack starts an interpreter of its own.
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable

_CLONE_NEWUSER = 0x1000_0000
_SYS_IO_URING_SETUP, _RING_PARAMETERS = 425, 120
_SYS_KEYCTL, _GET_KEYRING_ID, _SESSION_KEYRING = {"x86_64": 250}.get(os.uname().machine, 219), 0, -3
_METADATA = ("169.254.169.254", 80)
_PAGE = 4096
_MIB = 1024 * 1024
_HELD_S, _BEAT_S, _LONGEST_LIFE_S = 0.4, 0.01, 8.0


def read(path: str) -> None:
    """Print a file's content."""
    _print(Path(path).read_text(encoding="utf-8"))


def write(path: str) -> None:
    """Make a file."""
    Path(path).write_text("written", encoding="utf-8")


def change_mode(path: str) -> None:
    """Change who may use a file, without opening it."""
    Path(path).chmod(0o640)


def change_skill(folder: str) -> None:
    """Change a file, add one, or put another directory in the place of all."""
    skill = Path(folder)
    _first_that_passes(
        lambda: (skill / "SKILL.md").write_text("changed", encoding="utf-8"),
        (skill / "added").touch,
        lambda: skill.rename(f"{folder}.moved"),
    )


def reach(family: str, address: str, token: str) -> None:
    """Say the token to whoever listens."""
    import socket

    target = ("127.0.0.1", int(address)) if family == "AF_INET" else address.replace("@", "\0")
    with socket.socket(getattr(socket, family)) as connection:
        connection.settimeout(2)
        connection.connect(target)
        connection.sendall(token.encode())


def find_metadata() -> None:
    """Look for a way to where clouds hand out credentials. No packet is sent."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.connect(_METADATA)


def list_processes(mark: str) -> None:
    """Print the command lines that hold a mark, our own left out."""
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name != str(os.getpid()):
            line = _content(folder / "cmdline")
            _print(line if mark in line else "")


def read_environment(process: str) -> None:
    """Print the variables of a process."""
    _print(Path(f"/proc/{process}/environ").read_text(encoding="utf-8", errors="replace"))


def kill(process: str) -> None:
    """End a process."""
    os.kill(int(process), signal.SIGKILL)


def make_user_namespace() -> None:
    """Become root of a namespace, where most kernel exploits begin."""
    _call("unshare", _CLONE_NEWUSER)


def make_ring() -> None:
    """Set up io_uring, by which calls go past a filter."""
    _call("syscall", _SYS_IO_URING_SETUP, 1, bytes(_RING_PARAMETERS))


def find_keyring() -> None:
    """Ask for the keys of the session."""
    _call("syscall", _SYS_KEYCTL, _GET_KEYRING_ID, _SESSION_KEYRING, 1)


def fork(count: str) -> None:
    """Print how many children it could have at once, and keep, for a while. They end with their parent."""
    reader, writer = os.pipe()
    made = 0
    try:
        while made < int(count):
            if os.fork() == 0:
                os.close(writer)
                os.read(reader, 1)
                os._exit(0)
            made += 1
        time.sleep(_HELD_S)
    finally:
        _print(f"made {made}")


def take_memory(megabytes: str) -> None:
    """Hold memory of its own, then memory that could be shared, for a while."""
    import mmap

    size = int(megabytes) * _MIB
    _first_that_passes(lambda: _hold(bytearray(size)), lambda: _hold(mmap.mmap(-1, size)))


def outlive(stop: str) -> None:
    """Leave a process behind in a session of its own, which grows a file until another one appears."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            _beat(Path("beat"), Path(stop))
        os._exit(0)
    time.sleep(_LONGEST_LIFE_S)


def leave_link(target: str) -> None:
    """Leave links for whoever looks at the results."""
    Path("result.txt").symlink_to(target)
    Path("results").symlink_to(Path(target).parent)


def _beat(heart: Path, stop: Path) -> None:
    for stream in (0, 1, 2):
        os.close(stream)
    until = time.monotonic() + _LONGEST_LIFE_S
    while not stop.exists() and time.monotonic() < until:
        with heart.open("a") as file:
            file.write("x")
        time.sleep(_BEAT_S)


def _hold(memory: bytearray | mmap.mmap) -> None:
    for at in range(0, len(memory), _PAGE):
        memory[at] = 1
    time.sleep(_HELD_S)


def _first_that_passes(*tries: Callable[[], object]) -> None:
    for tried in tries[:-1]:
        try:
            tried()
        except (OSError, MemoryError):
            continue
        return
    tries[-1]()


def _call(name: str, *arguments: int | bytes) -> None:
    import ctypes

    wide = [ctypes.c_long(word) if isinstance(word, int) else ctypes.create_string_buffer(word) for word in arguments]
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*wide) < 0:
        raise OSError(ctypes.get_errno(), name)


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n" if text else "")
    sys.stdout.flush()


def _main() -> None:
    name, *words = sys.argv[1:]
    _print("begun")
    try:
        globals()[name](*words)
    except OSError as error:
        _print(f"tried {errno.errorcode.get(error.errno or 0, type(error).__name__)}")
    except MemoryError:
        _print("tried ENOMEM")
    else:
        _print("tried passed")


if __name__ == "__main__":
    _main()
