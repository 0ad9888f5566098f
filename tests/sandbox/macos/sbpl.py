"""A reader and judge of the part of Apple's Sandbox Profile Language that our profiles are written in.

The last rule that matches an operation decides. Every word is known to this file or refused, so that a misspelt
operation or filter fails here, as it would on macOS. Paths and names are compared without regard to case, as seatbelt
does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

Form: TypeAlias = "str | Text | list[Form]"

_TOKEN = re.compile(r'\s*(?:([()])|"((?:[^"\\]|\\.)*)"|([^\s()"]+))')
OPERATIONS = (
    *("file-read-data", "file-read-metadata", "file-read-xattr", "file-test-existence", "file-map-executable"),
    *("file-write-data", "file-write-create", "file-write-unlink", "file-write-mode", "file-write-owner"),
    *("file-write-times", "file-write-xattr", "file-write-flags", "file-write-setugid", "file-link", "file-clone"),
    *("file-ioctl", "file-mknod", "file-mount", "process-exec", "process-exec-interpreter", "process-fork", "signal"),
    *("process-info-pidinfo", "process-info-listpids", "process-info-setcontrol", "mach-lookup", "mach-register"),
    *("sysctl-read", "sysctl-write", "ipc-posix-sem", "ipc-posix-shm-read-data", "ipc-posix-shm-write-create"),
    *("network-outbound", "network-inbound", "network-bind", "iokit-open", "appleevent-send", "lsopen"),
    *("job-creation", "user-preference-read", "pseudo-tty", "system-socket", "system-mac-syscall", "hid-control"),
)


class Text(str):
    """A string literal, told from a bare word."""

    __slots__ = ()


@dataclass(frozen=True)
class Rule:
    """One rule: "allow" or "deny", the operations it is about, and the filters of which one has to match."""

    verdict: str
    operations: tuple[str, ...]
    filters: tuple[list[Form], ...]


@dataclass(frozen=True)
class Profile:
    """The rules in their order, and the values of their parameters."""

    rules: tuple[Rule, ...]
    values: dict[str, str]

    def allows(self, operation: str, subject: str = "") -> bool:
        """Whether an operation on a path, a name or a target is allowed."""
        assert operation in OPERATIONS, operation
        verdict = ""
        for rule in self.rules:
            if any(_covers(known, operation) for known in rule.operations) and self._matches(rule, subject):
                verdict = rule.verdict
        return verdict == "allow"

    def _matches(self, rule: Rule, subject: str) -> bool:
        return not rule.filters or any(self._fits(filtered, subject.casefold()) for filtered in rule.filters)

    def _fits(self, filtered: list[Form], subject: str) -> bool:
        kind, wanted = filtered[0], self._value(filtered[1]).casefold()
        if kind == "subpath":
            return subject == wanted or subject.startswith(wanted.rstrip("/") + "/")
        if kind == "path-ancestors":
            return subject in {str(parent) for parent in PurePosixPath(wanted).parents}
        if kind in ("sysctl-name-prefix", "ipc-posix-name-prefix"):
            return subject.startswith(wanted)
        assert kind in ("literal", "global-name", "sysctl-name", "target"), kind
        return subject == wanted

    def _value(self, form: Form) -> str:
        if isinstance(form, str):
            return form
        name, key = form
        assert (name, type(key)) == ("param", Text), form
        return self.values[str(key)]


def read(text: str, parameters: list[str]) -> Profile:
    """Return the profile of a text and of the words that give its parameters, `-D NAME=value`."""
    assert parameters[::2] == ["-D"] * (len(parameters) // 2)
    values = dict(word.split("=", 1) for word in parameters[1::2])
    first, *forms = parse(text)
    assert first == ["version", "1"]
    return Profile(tuple(map(_rule, forms)), values)


def parse(text: str) -> list[Form]:
    """Return the forms of a text; words are strings, string literals are `Text`."""
    stack: list[list[Form]] = [[]]
    position = 0
    while text[position:].strip():
        token = _TOKEN.match(text, position)
        assert token, text[position : position + 40]
        position = token.end()
        bracket, literal, word = token.groups()
        if bracket == "(":
            stack.append([])
        elif bracket == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(Text(literal) if literal is not None else word)
    assert len(stack) == 1, "a bracket is not closed"
    return stack[0]


def _rule(form: Form) -> Rule:
    assert isinstance(form, list), form
    verdict, *rest = form
    assert verdict in ("allow", "deny"), form
    operations = [word for word in rest if isinstance(word, str)]
    filters = [part for part in rest if not isinstance(part, str)]
    assert rest == [*operations, *filters], "the operations come first"
    for operation in operations:
        assert operation == "default" or any(_covers(operation, known) for known in OPERATIONS), operation
    return Rule(str(verdict), tuple(operations), tuple(filters))


def _covers(known: str, operation: str) -> bool:
    """Whether a rule's operation, which may end in an asterisk, is about another."""
    if known == "default":
        return True
    return operation.startswith(known[:-1]) if known.endswith("*") else operation == known
