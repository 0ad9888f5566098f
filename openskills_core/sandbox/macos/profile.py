"""The profile that `sandbox-exec` is given, in Apple's Sandbox Profile Language, and the parameters that go with it.

The last rule that matches decides, so what is broad comes first, what narrows it next, and what must never be allowed
last. The text depends on what kinds of areas there are and in which order, never on a path: paths are parameters, and
no character in one can become a rule.

Source: sandbox-exec(1), and the profiles beneath /System/Library/Sandbox/Profiles; Apple describes the language
nowhere.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Mode: TypeAlias = Literal["read", "write", "hidden"]

_READ = "file-read* file-test-existence"
_RUN = f"{_READ} file-map-executable process-exec*"
_LOOK = "file-read-metadata file-test-existence"

# Programs of the system and of the usual package managers.
_PROGRAMS = (
    *("/bin", "/sbin", "/usr", "/Library/Apple/usr", "/Library/Developer/CommandLineTools"),
    *("/opt/homebrew", "/opt/local"),
)
# What every program loads or asks for at its start.
_LIBRARIES = (
    *("/System/Library", "/System/Cryptexes", "/System/Volumes/Preboot/Cryptexes", "/Library/Apple/System"),
    *("/private/var/db/dyld", "/private/var/db/timezone", "/private/var/select", "/private/etc/ssl"),
)
_FILES = (
    "/",  # the directory itself, without which the loader aborts; not what is in it
    *("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/stdin", "/dev/stdout", "/dev/stderr"),
    *("/private/etc/hosts", "/private/etc/localtime", "/private/etc/passwd", "/private/etc/group"),
    *("/private/etc/protocols", "/private/etc/services", "/private/var/db/xcode_select_link"),
)
_LINKS = ("/etc", "/tmp", "/var")  # noqa: S108 - symbolic links that every path through them follows
# Settings of services and their data lie among the package managers' programs.
_PRIVATE = (
    "/opt/homebrew/etc",
    "/opt/homebrew/var",
    "/opt/local/etc",
    "/opt/local/var",
    "/usr/local/etc",
    "/usr/local/var",
)
_PUBLIC = tuple(
    f"{folder}/{name}"
    for folder in ("/opt/homebrew/etc", "/opt/local/etc", "/usr/local/etc")
    for name in ("openssl@3", "ca-certificates")
)
# A service is a way to have something done outside. This one looks up users; without it programs do not find their own.
_SERVICES = ("com.apple.system.opendirectoryd.libinfo",)
# Without the list of processes and their arguments, and without what identifies the machine.
_SYSCTLS = (
    *("hw.activecpu", "hw.byteorder", "hw.cachelinesize", "hw.cachelinesize_compat", "hw.cpufamily", "hw.cpusubtype"),
    *("hw.cpufrequency_compat", "hw.cputype", "hw.logicalcpu", "hw.logicalcpu_max", "hw.machine", "hw.memsize"),
    *("hw.model", "hw.ncpu", "hw.nperflevels", "hw.packages", "hw.pagesize", "hw.pagesize_compat", "hw.physicalcpu"),
    *("hw.physicalcpu_max", "hw.tbfrequency_compat", "kern.argmax", "kern.bootargs", "kern.hostname"),
    *("kern.maxfilesperproc", "kern.osproductversion", "kern.osrelease", "kern.ostype", "kern.osvariant_status"),
    *("kern.osversion", "kern.secure_kernel", "kern.usrstack64", "kern.version", "machdep.cpu.brand_string"),
    *("security.mac.lockdown_mode_state", "sysctl.proc_cputype", "sysctl.proc_translated"),
)
_SYSCTL_PREFIXES = ("hw.optional.", "hw.perflevel")


@dataclass(frozen=True, slots=True)
class Area:
    """A directory or file and what may be done with it.

    `path` is the kernel's own spelling; `alias` is the same place through /tmp, /var or /etc, else `path` again.
    """

    mode: Mode
    path: str
    alias: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything a profile is about.

    `areas` are ordered, outer ones first. `links` are symbolic links on the way to one. `mark` is a service that nobody
    offers and that this profile alone allows, by which its processes are found. `canary` is a file that nothing inside
    may read, whatever was granted.
    """

    areas: tuple[Area, ...]
    links: tuple[str, ...]
    mark: str
    canary: str


def profile(layout: Layout) -> str:
    """Return the text of the profile."""
    return _text(tuple(area.mode for area in layout.areas), len(layout.links))


def parameters(layout: Layout) -> list[str]:
    """Return the words of `sandbox-exec` that give the profile's parameters their values."""
    values = {"MARK": layout.mark, "CANARY": layout.canary}
    for number, area in enumerate(layout.areas):
        values |= {f"PATH_{number}": area.path, f"ALIAS_{number}": area.alias}
    values |= {f"LINK_{number}": link for number, link in enumerate(layout.links)}
    return [word for name, value in values.items() for word in ("-D", f"{name}={value}")]


@functools.lru_cache(maxsize=64)
def _text(modes: tuple[Mode, ...], links: int) -> str:
    areas = range(len(modes))
    parts = (
        *("(version 1)", "(deny default)"),
        *_processes(),
        *_services(),
        *_system(),
        *(rule for number in areas for rule in _area(number, modes[number])),
        *(rule for number in areas for rule in _way_to(number)),
        *(rule for number in range(links) for rule in _link(number)),
        *(_unmovable(number) for number in areas),
        *_never(),
    )
    return "\n".join(parts) + "\n"


def _processes() -> Iterator[str]:
    yield _rule("allow", "process-fork")
    # Apple's default does not cover asking about other processes, so it is denied by name.
    yield _rule("deny", "process-info*")
    yield _rule("allow", "process-info* signal", "(target same-sandbox)")


def _services() -> Iterator[str]:
    named = (*(f'(global-name "{name}")' for name in _SERVICES), '(global-name (param "MARK"))')
    yield _rule("allow", "mach-lookup", *named)
    prefixes = (f'(sysctl-name-prefix "{prefix}")' for prefix in _SYSCTL_PREFIXES)
    yield _rule("allow", "sysctl-read", *(f'(sysctl-name "{name}")' for name in _SYSCTLS), *prefixes)
    # The names that Python's multiprocessing gives its locks.
    yield _rule("allow", "ipc-posix-sem", '(ipc-posix-name-prefix "/mp-")')


def _system() -> Iterator[str]:
    yield _rule("allow", _RUN, *_fixed("subpath", _PROGRAMS))
    yield _rule("allow", f"{_READ} file-map-executable", *_fixed("subpath", _LIBRARIES))
    yield _rule("allow", _READ, *_fixed("literal", _FILES))
    yield _rule("allow", "file-read-data file-write-data", '(subpath "/dev/fd")')
    yield _rule("allow", "file-write-data", *_fixed("literal", ("/dev/null", "/dev/zero")))
    through = (*_PROGRAMS, *_LIBRARIES, *{path.rpartition("/")[0]: path for path in _FILES[1:]}.values())
    yield _rule("allow", _LOOK, *_fixed("literal", _LINKS), *_fixed("path-ancestors", through))
    yield _rule("deny", _RUN, *_fixed("literal", _PRIVATE), *_fixed("subpath", _PRIVATE))
    yield _rule("allow", _READ, *_fixed("subpath", _PUBLIC))


def _area(number: int, mode: Mode) -> Iterator[str]:
    where = [_with(kind, f"{name}_{number}") for name in ("PATH", "ALIAS") for kind in ("literal", "subpath")]
    if mode == "hidden":
        yield _rule("deny", f"{_RUN} file-write*", *where)
        return
    yield _rule("allow", _RUN, *where)
    yield _rule("allow" if mode == "write" else "deny", "file-write*", *where)


def _way_to(number: int) -> Iterator[str]:
    where = [_with(kind, f"{name}_{number}") for name in ("PATH", "ALIAS") for kind in ("literal", "path-ancestors")]
    yield _rule("allow", _LOOK, *where)


def _link(number: int) -> Iterator[str]:
    yield _rule("allow", _READ, _with("literal", f"LINK_{number}"))
    yield _rule("allow", _LOOK, _with("path-ancestors", f"LINK_{number}"))


def _unmovable(number: int) -> str:
    """Forbid to rename or remove an area and what is above it: rules are bound to paths, and would lose it."""
    where = [_with(kind, f"{name}_{number}") for name in ("PATH", "ALIAS") for kind in ("literal", "path-ancestors")]
    return _rule("deny", "file-write-unlink", *where)


def _never() -> Iterator[str]:
    # A second name would lead around the first one's rules; flags could keep the host from removing what is left.
    yield _rule("deny", "file-link file-write-flags file-write-setugid")
    yield _rule("deny", "file-read* file-write*", _with("literal", "CANARY"))
    yield _rule("deny", "network*")


def _rule(verdict: Literal["allow", "deny"], operations: str, *filters: str) -> str:
    return "\n  ".join((f"({verdict} {operations}", *filters)) + ")"


def _fixed(kind: str, paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(f'({kind} "{path}")' for path in paths)


def _with(kind: str, parameter: str) -> str:
    return f'({kind} (param "{parameter}"))'
