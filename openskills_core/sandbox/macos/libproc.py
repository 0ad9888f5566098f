"""macOS's list of processes, by libproc and libsystem_sandbox.

Sources: <libproc.h>, <sys/proc_info.h>, <sys/resource.h>; `sandbox_check` is not documented, its constants are those of
WebKit's SandboxSPI.h. Imported by the supervisor as a lone file, so: the standard library only.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from openskills_core.sandbox.macos.processes import Process, Usage
else:
    from processes import Process, Usage

_LIBRARY = "/usr/lib/libSystem.B.dylib"
_PROC_UID_ONLY, _PROC_PIDT_SHORTBSDINFO, _RUSAGE_INFO_V2 = 4, 13, 2
_GLOBAL_NAME, _NO_REPORT = 2, 0x40000000
_ALLOWED, _DENIED = 0, 1
_ZOMBIE = 5
_SHORT_INFO_SIZE = 64
_SHORT_INFO = struct.Struct("=4I")  # pbsi_pid, pbsi_ppid, pbsi_pgid, pbsi_status; the rest is not looked at
_RUSAGE = struct.Struct("=16x18Q")
_USER, _SYSTEM, _FOOTPRINT, _CHILDREN_USER, _CHILDREN_SYSTEM = 0, 1, 7, 10, 11
_ROOM = 64
_NANOSECONDS_PER_MS = 1_000_000


def process_of(raw: bytes) -> Process | None:
    """Return the process that a `struct proc_bsdshortinfo` tells of, None for one that has ended."""
    pid, parent, group, status = _SHORT_INFO.unpack_from(raw)
    return None if status == _ZOMBIE else Process(pid, parent, group)


def usage_of(raw: bytes, timebase: tuple[int, int]) -> Usage:
    """Return what a `struct rusage_info_v2` tells, its times being ticks of numerator / denominator nanoseconds."""
    values = _RUSAGE.unpack_from(raw)
    ticks = sum(values[index] for index in (_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM))
    return Usage(values[_FOOTPRINT], ticks * timebase[0] / timebase[1] / _NANOSECONDS_PER_MS)


class Libproc:
    """The table of this system's processes.

    Raises:
        OSError: this is not macOS, or it has not what is needed.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(_LIBRARY, use_errno=True)
        try:
            self._declare()
        except AttributeError as error:
            raise OSError(f"this system has no {error}") from error
        self._timebase = self._ask_timebase()

    def processes(self) -> list[Process]:
        """Return the user's live processes."""
        raw = ctypes.create_string_buffer(_SHORT_INFO_SIZE)
        found = (process_of(raw.raw) for pid in self._pids() if self._ask(pid, raw))
        return [process for process in found if process is not None]

    def marked(self, pid: int, mark: str) -> bool:
        """Whether a process may look up `mark`, but not a name like it: any other sandbox allows both or neither."""
        return self._lookup(pid, mark) == _ALLOWED and self._lookup(pid, f"{mark}.not") == _DENIED

    def usage(self, pid: int) -> Usage:
        """Return what a process uses."""
        raw = ctypes.create_string_buffer(_RUSAGE.size)
        if self._library.proc_pid_rusage(pid, _RUSAGE_INFO_V2, raw) != 0:
            return Usage(0, 0.0)
        return usage_of(raw.raw, self._timebase)

    def _ask(self, pid: int, raw: ctypes.Array[ctypes.c_char]) -> bool:
        size = self._library.proc_pidinfo(pid, _PROC_PIDT_SHORTBSDINFO, 0, raw, _SHORT_INFO_SIZE)
        return bool(size == _SHORT_INFO_SIZE)  # else it is gone

    def _lookup(self, pid: int, name: str) -> int:
        return int(self._library.sandbox_check(pid, b"mach-lookup", _GLOBAL_NAME | _NO_REPORT, name.encode()))

    def _pids(self) -> list[int]:
        size = ctypes.sizeof(ctypes.c_int)
        room = self._list(None, 0) // size
        while True:
            room += _ROOM
            pids = (ctypes.c_int * room)()
            count = self._list(pids, room * size) // size
            if count < room:  # else it may have been cut short
                return [pid for pid in pids[:count] if pid > 0]

    def _list(self, pids: ctypes.Array[ctypes.c_int] | None, size: int) -> int:
        written = int(self._library.proc_listpids(_PROC_UID_ONLY, os.geteuid(), pids, size))
        if written <= 0:
            raise OSError(ctypes.get_errno(), "the list of processes cannot be read")
        return written

    def _ask_timebase(self) -> tuple[int, int]:
        raw = (ctypes.c_uint32 * 2)()
        if self._library.mach_timebase_info(raw) != 0 or not raw[1]:
            raise OSError("the unit of processor times cannot be read")
        return raw[0], raw[1]

    def _declare(self) -> None:
        number, pointer = ctypes.c_int, ctypes.c_void_p
        self._library.proc_listpids.argtypes = (ctypes.c_uint32, ctypes.c_uint32, pointer, number)
        self._library.proc_pidinfo.argtypes = (number, number, ctypes.c_uint64, pointer, number)
        self._library.proc_pid_rusage.argtypes = (number, number, pointer)
        self._library.mach_timebase_info.argtypes = (pointer,)
        # The name follows as a variadic argument. On Apple silicon those travel differently, and ctypes knows them by
        # not being declared.
        self._library.sandbox_check.argtypes = (number, ctypes.c_char_p, number)
