"""Several skills at the start of one message: `/write-tests /fix-issue 123`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container

MAX_STACKED = 6
_TOKEN = re.compile(r"\s*/(\S+)")


class Invocations(NamedTuple):
    """The skills that a message invokes, in its order, and the arguments that each of them is given."""

    names: tuple[str, ...]
    arguments: str


def split_invocations(message: str, inline: Container[str]) -> Invocations:
    """Split what a user typed into the skills it invokes and their arguments.

    The first `/name` is one whatever it names. Up to five more follow while each, the first included, is in `inline`:
    the skills that a user may invoke and that do not run as a forked subagent. The rest is the argument text of all.
    Source: Claude Code, "Pass arguments to skills".

    Args:
        message: what was typed; without a `/name` at its start it invokes nothing and is returned as the arguments.
        inline: the names that may be stacked.
    """
    names: list[str] = []
    at = 0
    while len(names) < MAX_STACKED and (not names or names[-1] in inline):
        token = _TOKEN.match(message, at)
        if token is None or (names and token[1] not in inline):
            break
        names.append(token[1])
        at = token.end()
    return Invocations(tuple(names), message[at:].strip() if names else message)
