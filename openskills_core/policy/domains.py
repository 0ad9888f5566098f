"""The domains in rules such as `WebFetch(domain:*.example.com)`."""

from __future__ import annotations

import re
import unicodedata

from openskills_core.policy.patterns import glob

_PLAIN_HOST = re.compile(r"[a-z0-9._-]+")
_DOTS = str.maketrans(dict.fromkeys("\u3002\uff61", "."))


def host_matches(pattern: str, detail: str, *, grants: bool) -> bool:
    """Whether the host in `detail`, a URL or a domain, is one that `pattern` means.

    `*.example.com` is every host beneath the domain, not the domain itself; any other `*` stays within one label. A
    host that clients may read differently, such as one with a backslash in it, is never granted.
    """
    host, wanted = _host(detail), pattern.lower().rstrip(".").split(".")
    if not host or (grants and not _PLAIN_HOST.fullmatch(host)):
        return False
    labels = host.split(".")
    if wanted[0] == "*" and len(wanted) > 1:
        return len(labels) >= len(wanted) and labels[1 - len(wanted) :] == wanted[1:]
    return len(labels) == len(wanted) and all(map(glob, wanted, labels))


def _host(detail: str) -> str:
    """Return the host as a client looks it up: in small letters, percent signs and wide letters resolved."""
    from urllib.parse import unquote, urlsplit

    try:
        host = urlsplit(detail).hostname if "://" in detail else detail.removeprefix("domain:")
    except ValueError:
        return ""
    return unicodedata.normalize("NFKC", unquote(host or "").translate(_DOTS)).lower().rstrip(".")
