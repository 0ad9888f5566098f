"""Landlock rulesets: which files a process and its descendants may still reach, whatever their permissions say.

Sources: landlock(7), linux/landlock.h, https://docs.kernel.org/userspace-api/landlock.html. A ruleset denies every
right that it handles, except beneath the files and directories that a rule names. Rights add up along a path, so
nothing inside a writable directory can be kept from being written.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import stat
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.sandbox.linux.spawner_views import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REG, _MAKE_FIFO, _MAKE_SYM = 1 << 7, 1 << 8, 1 << 10, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
READ = _READ_FILE | _READ_DIR
EXECUTE = READ | _EXECUTE
# No devices, and no sockets, which could not be used anyway.
_MAKE = _MAKE_DIR | _MAKE_REG | _MAKE_FIFO | _MAKE_SYM
CHANGE = EXECUTE | _WRITE_FILE | _TRUNCATE | _REFER | _REMOVE_FILE | _REMOVE_DIR | _MAKE
READ_AND_WRITE = _READ_FILE | _WRITE_FILE
_ABOUT_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

# How many rights about files each version knows; the later ones that we know added others.
_RIGHTS_OF_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}
_RIGHTS_OF_LATER_VERSIONS = 16
_FIRST_WITH_TRUNCATE, _FIRST_WITH_NETWORK, FIRST_WITH_SIGNALS = 3, 4, 6
_BIND_TCP_AND_CONNECT_TCP = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11
# The numbers are the same on every architecture.
_SYS_CREATE_RULESET, _SYS_ADD_RULE = 444, 445
_VERSION, _PATH_BENEATH = 1, 1
_FIX = (
    "it needs Linux 5.13 with Landlock switched on: add landlock to the kernel's lsm= parameter (see "
    "/sys/kernel/security/lsm), or in a container allow the landlock_ calls in its seccomp profile"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done with a file, or beneath a directory. `fd` is an open descriptor of it."""

    fd: int
    rights: int


@functools.cache
def _kernel() -> Kernel:
    return Kernel()


@functools.cache
def version() -> int:
    """Return the version of the kernel's Landlock interface, 1 or higher.

    Raises:
        SandboxUnavailableError: there is none; the text says how to get one.
    """
    try:
        return _call(_SYS_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "")
        raise SandboxUnavailableError(
            f"there is no Landlock here (landlock_create_ruleset: {name}): {_FIX}", culprit="landlock"
        ) from error


def knows_truncate() -> bool:
    """Whether Landlock stops truncate(2); where it does not, the system-call filter must."""
    return version() >= _FIRST_WITH_TRUNCATE


def make_ruleset(rules: Iterable[Rule]) -> int:
    """Return a descriptor of a ruleset that leaves nothing but these rules of all that the kernel can deny.

    TCP is denied too where the kernel can, and signals to processes outside. The caller closes the descriptor.

    Raises:
        OSError: the kernel refused.
    """
    number = version()
    handled = (1 << _RIGHTS_OF_VERSION.get(number, _RIGHTS_OF_LATER_VERSIONS)) - 1
    network = _BIND_TCP_AND_CONNECT_TCP if number >= _FIRST_WITH_NETWORK else 0
    scoped = _ABSTRACT_SOCKETS_AND_SIGNALS if number >= FIRST_WITH_SIGNALS else 0
    # Older kernels take a longer structure whose unknown rest is 0.
    attributes = struct.pack("=QQQ", handled, network, scoped)
    fd = _call(_SYS_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    try:
        for rule in rules:
            _add(fd, rule, handled)
    except OSError:
        os.close(fd)
        raise
    return fd


def _add(ruleset: int, rule: Rule, handled: int) -> None:
    rights = rule.rights & handled
    if not stat.S_ISDIR(os.fstat(rule.fd).st_mode):
        rights &= _ABOUT_FILES  # the kernel refuses the others for a file
    if not rights:
        return  # and a rule that allows nothing
    path_beneath = struct.pack("=Qi", rights, rule.fd)
    _call(_SYS_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), path_beneath, ctypes.c_uint(0))


def _call(number: int, *arguments: object) -> int:
    return _kernel().call("syscall", ctypes.c_long(number), *arguments)
