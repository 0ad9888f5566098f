r"""Values into a command, so that an argument stays an argument whatever it holds.

What a user or a model typed may stand in two places only: as a word after a command's name, where it is quoted, and
within double quotes there, where it is escaped. Everywhere else it is refused: in the place of a command's name, in
single quotes (which a shell does not look into), in a here-document, in arithmetic, in backquotes, and among the words
of what runs or evaluates its words (`eval`, `env`, `sh -c`, `sed` …). A variable such as `${CLAUDE_SKILL_DIR}` may
stand in for a command's name or a file to redirect to as well, and anywhere at all while its value is plain.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from openskills_core.format import Value
from openskills_core.policy.syntax import UnreadableError, parsed, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tree_sitter import Node

_STAND_IN = "value"
_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_QUOTED = re.compile(r'^"([^"]*)"$')
_SPECIAL = re.compile(r'[\\$"`]')
# What `test` may ask about a value: `-v` and the numeric comparisons of `[[` evaluate it.
_UNARY_TESTS = frozenset({"-n", "-z", "-e", "-f", "-d", "-r", "-w", "-x", "-s", "-L", "-h"})
_BINARY_TESTS = frozenset({"=", "==", "!="})
# What may lie around a command that is given a value; any other construct is refused.
_STRUCTURE = frozenset({
    "program", "list", "pipeline", "redirected_statement", "negated_command", "subshell", "compound_statement",
    "if_statement", "elif_clause", "else_clause", "while_statement", "for_statement", "do_group",
    "command_substitution", "process_substitution", "string", "concatenation", "command", "variable_assignment",
})  # fmt: skip
# They run or evaluate their words, or take the name of a variable, in which Bash evaluates a subscript.
_RUNNERS = frozenset({
    ".", "[", "alias", "bind", "builtin", "busybox", "chroot", "command", "compgen", "complete", "coproc", "declare",
    "doas", "enable", "env", "eval", "exec", "export", "find", "hash", "let", "local", "mapfile", "nice", "nohup",
    "parallel", "read", "readarray", "readonly", "sed", "setsid", "source", "ssh", "stdbuf", "su", "sudo", "test",
    "time", "timeout", "trap", "typeset", "unset", "unshare", "wait", "watch", "xargs",
})  # fmt: skip
# They run the first of their words, or what follows an option; of `printf` the options end there too.
_INTERPRETERS = re.compile(
    r"(?:ba|da|k|z|a)?sh|fish|python[\d.]*|pypy[\d.]*|node|deno|bun|bunx|npx|uvx|pipx|perl|ruby|php|lua|printf"
    r"|[gmn]?awk"
)
# Real commands are far from these; hostile ones would take their time.
_MAX_VALUES = 100
_MAX_DEPTH = 100
_BARE_OPTION = re.compile(r"-[uBsSqx]")


class _Place(NamedTuple):
    """Where a value stands: within double quotes or as a word, and whether an argument may, or one of a single word."""

    in_quotes: bool
    takes_arguments: bool
    one_word: bool = False


def filled_command(pieces: Iterable[str | Value]) -> str:
    """Return a command with its values put in.

    Args:
        pieces: the command's own text and the values in it, in order.

    Raises:
        ValueError: a value stands where a shell could take it for code; the text is the placeholder.
    """
    parts = [piece if isinstance(piece, str) else _without_need(piece) for piece in pieces]
    if all(isinstance(part, str) for part in parts):
        return "".join(map(str, parts))
    places = _places(parts)
    return "".join(part if isinstance(part, str) else _inserted(part, next(places)) for part in parts)


def _without_need(value: Value) -> str | Value:
    """Return the text of a value that means the same wherever it stands: nothing, or a plain one of the host's own."""
    if not value.words and not value.text:
        return ""
    return value.text if not value.is_argument and _PLAIN.fullmatch(value.text) else value


def _inserted(value: Value, place: _Place | None) -> str:
    if place is None or (value.is_argument and not place.takes_arguments):
        raise ValueError(value.placeholder)
    if place.in_quotes:
        return _SPECIAL.sub(r"\\\g<0>", value.text)
    if place.one_word and len(value.words) != 1:
        raise ValueError(value.placeholder)
    return " ".join(map(shlex.quote, value.words))


def _places(parts: Sequence[str | Value]) -> Iterator[_Place | None]:
    """Yield where each value stands, read with a plain word in its place; None where none may stand."""
    command = "".join(part if isinstance(part, str) else _STAND_IN for part in parts)
    root = _read(command) if sum(isinstance(part, Value) for part in parts) <= _MAX_VALUES else None
    start, backslashes = 0, 0
    for part in parts:
        if isinstance(part, Value):
            # An odd number of them takes away the meaning of the quotes that follow.
            yield None if root is None or backslashes % 2 else _place(root, start)
        text = part if isinstance(part, str) else _STAND_IN
        bare = text.rstrip("\\")
        backslashes = len(text) - len(bare) + (0 if bare else backslashes)
        start += len(text.encode())


def _read(command: str) -> Node | None:
    """Return the syntax tree of a command, None when it is not certain that a shell reads it the same way."""
    if "<<" in command:
        return None
    try:
        root, source = parsed(command)
        for _ in walk(root, source):
            pass
    except UnreadableError:
        return None
    return root


def _place(root: Node, start: int) -> _Place | None:
    leaf = root.descendant_for_byte_range(start, start + len(_STAND_IN))
    if leaf is None or leaf.type not in ("word", "string_content") or leaf.parent is None:
        return None
    in_quotes = leaf.type == "string_content"
    whole = leaf.parent if in_quotes else leaf
    while whole.parent is not None and whole.parent.type == "concatenation":
        whole = whole.parent
    around = whole.parent
    if around is None:
        return None
    if _is_harmless_test(around):
        return _Place(in_quotes, takes_arguments=True, one_word=True)
    if around.type == "command":
        return _Place(in_quotes, _takes_arguments(around, whole)) if _is_ordinary(around) else None
    named = around.type in ("command_name", "variable_assignment", "file_redirect")
    return _Place(in_quotes, takes_arguments=False) if named and _is_ordinary(around.parent) else None


def _is_ordinary(node: Node | None) -> bool:
    """Whether everything around a value is structure in which quotes mean what they mean at the top."""
    for _ in range(_MAX_DEPTH):
        if node is None:
            return True
        if node.type not in _STRUCTURE or (node.type == "command_substitution" and node.children[0].text == b"`"):
            return False
        node = node.parent
    return False


def _is_harmless_test(node: Node) -> bool:
    """Whether this is `[ -f x ]`, `[[ x == y ]]` or `test x = y`, which people guard a command with."""
    words = [_text(child) for child in node.children]
    if node.type == "command":
        words, outer = words[1:] if words[0] == "test" else [], node.parent
    elif node.parent is not None and node.parent.type == "test_command":
        outer = node.parent.parent
    else:
        return False
    match words:
        case [operator, _]:
            return operator in _UNARY_TESTS and _is_ordinary(outer)
        case [_, operator, _]:
            return operator in _BINARY_TESTS and _is_ordinary(outer)
    return False


def _takes_arguments(command: Node, word: Node) -> bool:
    """Whether `word` is one that the command only works with."""
    name = command.child_by_field_name("name")
    text = _QUOTED.sub(r"\1", _text(name)) if name else ""
    program = text.rpartition("/")[2]
    if name is None or not _PLAIN.fullmatch(text) or program in _RUNNERS:
        return False
    if not _INTERPRETERS.fullmatch(program):
        return True
    before = [_text(other) for other in command.named_children if name.end_byte < other.start_byte < word.start_byte]
    script = next((other for other in before if not _BARE_OPTION.fullmatch(other)), "-")
    return not script.startswith("-")


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
