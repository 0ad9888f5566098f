"""Words of a shell command: what they say once quotes are resolved, and what only the running shell knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from openskills_core.policy.patterns import UNKNOWN
from openskills_core.policy.shell.ansi import ansi_text
from openskills_core.policy.syntax import UnreadableError, hides, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tree_sitter import Node

_GLOB = frozenset("*?[")
_SHELL = frozenset(";&|<>()\"'`$ \t\n")
_SPECIAL = _GLOB | _SHELL | {"\\"}


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name` or `${name}`."""

    name: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """An expansion of any other kind. `single` says that exactly one word, or part of one, comes of it."""

    single: bool


Piece = str | Variable | Unknown


@dataclass(frozen=True, slots=True)
class Word:
    """One word. `value` has `UNKNOWN` where the text does not say what will stand there.

    `single` is False when none or several words may come of it; `home` when it begins with an unquoted `~`.
    """

    raw: str
    value: str
    single: bool = True
    home: bool = False

    @property
    def known(self) -> bool:
        """Whether the text says exactly what the program is given."""
        return self.single and UNKNOWN not in self.value


@dataclass(frozen=True, slots=True)
class RawWord:
    """One word before variables are looked up."""

    raw: str
    pieces: tuple[Piece, ...]

    def read(self, variables: Mapping[str, str]) -> Word:
        """Return the word with those variables filled in whose values are known."""
        if len(self.pieces) == 1 and isinstance(self.pieces[0], str):
            return Word(self.raw, self.pieces[0], home=self.raw.startswith("~"))
        parts: list[str] = []
        single = True
        for piece in self.pieces:
            text = _filled(piece, variables)
            parts.append(UNKNOWN if text is None else text)
            single &= text is not None or _is_single(piece)
        return Word(self.raw, "".join(parts), single, home=self.raw.startswith("~"))


def read_word(node: Node, source: bytes) -> RawWord:
    """Return the word that a node of the syntax tree stands for.

    Raises:
        UnreadableError: a shell would see something else there.
    """
    raw = text_of(node, source)
    if raw.startswith("#"):
        raise UnreadableError("a comment is taken for a word")
    if "{" in raw and ("," in raw or ".." in raw) and _has_bare_brace(node, source):
        return RawWord(raw, (Unknown(single=False),))
    return RawWord(raw, tuple(_pieces(node, source)))


def _filled(piece: Piece, variables: Mapping[str, str]) -> str | None:
    if isinstance(piece, str):
        return piece
    value = variables.get(piece.name) if isinstance(piece, Variable) else None
    if value is None or (isinstance(piece, Variable) and piece.quoted):
        return value
    # Unquoted, a value is split at blanks, its globs are expanded, and an empty one vanishes.
    return value if value and not any(letter.isspace() or letter in _GLOB for letter in value) else None


def _is_single(piece: Piece) -> bool:
    return piece.quoted if isinstance(piece, Variable) else not isinstance(piece, Unknown) or piece.single


def _pieces(node: Node, source: bytes, *, quoted: bool = False) -> Iterable[Piece]:
    match node.type:
        case "word" | "number" | "variable_name":
            yield from _bare(text_of(node, source))
        case "raw_string":
            yield _raw(text_of(node, source)[1:-1])
        case "ansi_c_string":
            yield ansi_text(text_of(node, source)[2:-1])
        case "string":
            yield from _in_quotes(node, source)
        case "simple_expansion":
            yield _variable(text_of(node, source).lstrip(" \t\n")[1:], quoted=quoted)
        case "expansion":
            yield _variable(text_of(node, source).lstrip(" \t\n")[2:-1], quoted=quoted)
        case "concatenation" | "command_name" | "translated_string":
            yield from _joined(node, source)
        case "$":
            around = source[max(0, node.start_byte - 1) : node.end_byte + 1]
            is_process = text_of(node, source) == "$$"
            yield "$" if around.count(b"$") == 1 else Unknown(single=is_process)
        case "process_substitution":
            yield Unknown(single=True)
        case _:
            yield Unknown(single=quoted)


def _joined(node: Node, source: bytes) -> Iterable[Piece]:
    children = node.children
    for place, child in enumerate(children):
        if place and child.start_byte != children[place - 1].end_byte:
            raise UnreadableError("a word is torn apart")
        # The parser gives up on some expansions and leaves their dollar.
        is_last = place + 1 == len(children)
        yield from _pieces(child, source) if is_last or child.type != "$" else [Unknown(single=False)]


def _in_quotes(node: Node, source: bytes) -> Iterable[Piece]:
    """Read a string by what lies between its expansions, for the tree leaves blanks out."""
    at = node.start_byte + 1
    for child in node.named_children:
        if child.type != "string_content":
            text = source[at : child.end_byte].decode()
            found = text_of(child, source).lstrip(" \t\n")
            yield _quoted(text.removesuffix(found))
            yield from _pieces(child, source, quoted=True)
            at = child.end_byte
    yield _quoted(source[at : node.end_byte - 1].decode())


def _variable(name: str, *, quoted: bool) -> Piece:
    if name.isidentifier() and name.isascii():
        return Variable(name, quoted)
    # "$@" is as many words as there are arguments; "${#x}" and the like are one.
    return Unknown(single=quoted and "@" not in name and "*" not in name)


def _raw(text: str) -> str:
    if "'" in text:
        raise UnreadableError("a quote ends elsewhere")
    return text


def _bare(text: str) -> Iterable[Piece]:
    """Read an unquoted run of letters: a backslash takes the next one as it is, a glob may become anything."""
    if _SPECIAL.isdisjoint(text):
        yield text
        return
    letters = iter(text)
    for letter in letters:
        if letter == "\\":
            following = next(letters, "\\")
            yield "" if following == "\n" else following
        elif letter in _GLOB:
            yield Unknown(single=False)
        elif letter in _SHELL:
            raise UnreadableError(f"{letter!r} is taken for a part of a word")
        else:
            yield letter


def _has_bare_brace(node: Node, source: bytes) -> bool:
    """Whether braces outside quotes may make several words of this one, as in `{a,b}` and `{1..3}`."""
    if node.type == "word":
        return "{" in text_of(node, source).replace("\\{", "")
    return node.type == "brace_expression" or (
        node.type in ("concatenation", "command_name")
        and any(_has_bare_brace(child, source) for child in node.children)
    )


def _quoted(text: str) -> str:
    if hides(text):
        raise UnreadableError("a command is hidden in a text")
    if "\\" not in text and '"' not in text:
        return text
    parts: list[str] = []
    letters = iter(text)
    for letter in letters:
        if letter == '"':
            raise UnreadableError("a quote ends elsewhere")
        following = next(letters, "") if letter == "\\" else ""
        escaped = "" if following == "\n" else following if following in '$`"\\' else f"\\{following}"
        parts.append(escaped if letter == "\\" else letter)
    return "".join(parts)
