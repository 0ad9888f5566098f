"""The environment a script is given: these names and nothing else of the host's."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from openskills_core.errors import LimitExceededError, PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from openskills_core.models import Call, Grant, Limits, Skill

# Longer input comes over standard input only: the system takes 128 KiB per variable and few programs expect more.
_MAX_INPUT_VARIABLE = 64 * 1024
_MAX_WORD = 128 * 1024 - 1
# These steer the loader or an interpreter of the sandbox itself, so a host that hands them over is mistaken.
_STEERING = ("LD_", "PYTHON", "BASH_ENV", "ENV", "NODE_OPTIONS", "PERL5OPT", "RUBYOPT")


def environment(call: Call, skill: Skill | None, workspace: Path, limits: Limits) -> dict[str, str]:
    """Return the variables that every call has. PATH is the runner's to add, HOME and TMPDIR the sandbox's."""
    names = {
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": os.environ.get("TZ", "UTC"),
        "SKILL_WORKSPACE": str(workspace),
        "TIMEOUT_MS": str(limits.timeout_ms),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
    }
    if skill is not None:
        root = str(skill.root)
        names |= {"SKILL_ID": skill.id, "SKILL_NAME": skill.manifest.name or skill.id, "SKILL_ROOT": root}
        names |= {"CLAUDE_SKILL_DIR": root, "PYTHONPATH": root}
    return names | _input(call.input)


def _input(value: Any) -> dict[str, str]:
    """Return the variable with a call's input, none when that is too large or is no valid Unicode."""
    if value is None:
        return {}
    try:
        text = json.dumps(value, ensure_ascii=False)
        return {"SKILL_INPUT": text} if len(text.encode()) < _MAX_INPUT_VARIABLE else {}
    except UnicodeEncodeError:
        return {}


def granted(grant: Grant, host: Mapping[str, str]) -> dict[str, str]:
    """Return the host's variables that the policy names and the host has.

    Raises:
        PermissionDeniedError: the policy names a variable that would steer the loader or an interpreter.
    """
    for name in grant.env:
        if name.startswith(_STEERING):
            raise PermissionDeniedError(
                f"HostPolicy.env must not name {name!r}: it would change which code runs inside the sandbox",
                culprit=name,
            )
    return {name: host[name] for name in grant.env if name in host}


def as_json(value: Any) -> str:
    """Return a call's input as the JSON text a script reads, half of a surrogate pair as a JSON escape."""
    # What this error handler writes, a backslash, "u" and four digits, is JSON's escape too.
    return _readable(json.dumps(value, ensure_ascii=False))


def check_words(words: Sequence[str]) -> None:
    """Refuse what no program can be started with.

    Raises:
        LimitExceededError: a word is longer than the system takes, holds a NUL character, or cannot be encoded.
    """
    for number, word in enumerate(words):
        problem = _problem(word)
        if problem:
            raise LimitExceededError(f"argument {number} {problem}", culprit=_readable(word[:40]))


def _problem(word: str) -> str:
    """Return why no program can be given this word, and what to do instead, or ""."""
    try:
        size = len(word.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no text and no byte: remove that character"
    if size > _MAX_WORD:
        return (
            f"has {size} bytes and the system takes {_MAX_WORD}: "
            "hand large data over standard input or in a workspace file"
        )
    if "\0" in word:
        return (
            "holds a NUL character, which no program can be given: "
            "hand binary data over standard input or in a workspace file"
        )
    return ""


def _readable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
