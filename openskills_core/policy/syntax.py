"""The syntax tree of a shell command, refused where a shell may see something else in the text than the parser does.

tree-sitter-bash reads more of bash than it gets right, and a rule that is compared with a wrong reading is worse than
none. So a tree is used only when all of it is accounted for: no error, nothing but blanks between its parts, words
apart from each other, here-documents ending where they should, and no `$(` or backquote in what it takes for text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from time import monotonic, thread_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Language, Node

# In a range such as {1..9} the scanner of tree-sitter-bash asks C's isdigit() about any letter, beyond its table too.
_CRASHES = re.compile(r"\{[0-9]*(?:\.\.[0-9]*)?[^\x00-\xff]")
MAX_LENGTH = 50_000
MAX_DEPTH = 100
# Error recovery is worse than quadratic. An ordinary command of the greatest length takes a tenth of this.
_MAX_S = 0.1
_LITERAL = frozenset({"raw_string", "ansi_c_string", "comment", "heredoc_start", "heredoc_end"})
# What these hold between their parts is text; whoever reads them looks at it.
_TEXTUAL = frozenset({"string", "heredoc_body", "expansion", "regex", "heredoc_redirect"})
_QUOTED = frozenset({"string_content", "heredoc_body", "heredoc_content"})
_PROCESS = "$$"
_CASE_ENDS = frozenset({";;", ";&", ";;&"})
_NAMES = frozenset({"variable_name", "special_variable_name", "number"})
_EXPANSIONS = ("$(", "$[", "`")
_OPERATORS = frozenset({"<", ">", ">>", "&>", "&>>", ">&", "<&", ">|"})
_APART = frozenset({"command", "declaration_command", "unset_command", "file_redirect"})
_REDIRECTS = frozenset({"file_redirect", "herestring_redirect", "heredoc_redirect"})
_KEYWORDS = frozenset(
    {("negated_command", "!"), ("compound_statement", "{"), ("test_command", "["), ("test_command", "[[")}
)
_ONE_LINE = _APART | {"redirected_statement", "negated_command", "variable_assignment", "variable_assignments"}
_BLANKS = frozenset(b" \t\n")
_BEFORE_COMMENT = frozenset(b" \t\n;&|()`")


class UnreadableError(ValueError):
    """A command that cannot be read with certainty. The message says why, as the end of "…, for"."""


def parsed(text: str) -> tuple[Node, bytes]:
    """Return the root of the tree and the source that its offsets count in.

    Raises:
        UnreadableError: see there.
    """
    if len(text) > MAX_LENGTH:
        raise UnreadableError(f"it is longer than {MAX_LENGTH:,} characters")
    if not text.isprintable():
        _check_letters(text)
    if _CRASHES.search(text):
        raise UnreadableError("a brace stands before a letter that the parser cannot take there")
    from tree_sitter import Parser

    source, is_over = text.encode(), _stopwatch()
    try:
        tree = Parser(_language()).parse(
            lambda at, _: source[at:], progress_callback=lambda _, failing: failing or is_over()
        )
    except ValueError:
        raise UnreadableError("it is no shell command, or one that takes too long to read") from None
    root = tree.root_node
    if root.has_error:
        raise UnreadableError("it is no complete shell command")
    first, last = (root.children[0], root.children[-1]) if root.children else (root, root)
    if not _BLANKS.issuperset((source[: first.start_byte] + source[last.end_byte :]).replace(b"\\\n", b"")):
        raise UnreadableError("the parser passes over a part of it")
    return root, source


def walk(root: Node, source: bytes) -> Iterator[tuple[Node, Node | None]]:
    """Yield every node with its parent, from the outside in and from left to right.

    Raises:
        UnreadableError: see there.
    """
    stack: list[tuple[Node, Node | None, int]] = [(root, None, 0)]
    while stack:
        node, parent, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise UnreadableError("it is nested too deeply")
        yield node, parent
        children = node.children
        if not children:
            _check_leaf(node, parent, source)
        elif node.type not in _TEXTUAL and (parent is None or parent.type != "c_style_for_statement"):
            _check_gaps(node, children, source)
        if node.type == "heredoc_redirect":
            _check_heredoc(children, source)
        stack.extend((child, node, depth + 1) for child in reversed(children))


def text_of(node: Node, source: bytes) -> str:
    """Return the source of a node."""
    return source[node.start_byte : node.end_byte].decode()


def is_quoted_heredoc(redirect: Node | None, source: bytes) -> bool:
    """Whether the delimiter of a here-document is quoted, so that nothing in its text is expanded."""
    children = [] if redirect is None else redirect.children
    starts = [text_of(child, source) for child in children if child.type == "heredoc_start"]
    return any(letter in start for start in starts for letter in "'\"\\")


def hides(text: str) -> bool:
    """Whether an expansion begins in `text` that is not escaped."""
    if "`" not in text and "$" not in text:
        return False
    bare = text.replace("\\\\", "").replace("\\`", "").replace("\\$", "")
    return any(sign in bare for sign in _EXPANSIONS)


@cache
def _language() -> Language:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Language(tree_sitter_bash.language())


def _stopwatch() -> Callable[[], bool]:
    """Return a function that says when enough time was spent here, waiting for a busy processor not counted."""
    cpu, clock = thread_time() + _MAX_S, monotonic() + _MAX_S
    # Both, for some systems count processor time in large steps.
    return lambda: monotonic() > clock and thread_time() > cpu


def _check_letters(text: str) -> None:
    """Refuse what the parser takes for blanks or line ends and the shell does not, and what no shell can be given."""
    for letter in text:
        if letter not in "\t\n" and unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp"):
            raise UnreadableError(f"it holds the character {letter!r}")


def _check_gaps(node: Node, children: list[Node], source: bytes) -> None:
    last = children[0]
    for child in children[1:]:
        gap = source[last.end_byte : child.start_byte].replace(b"\\\n", b"")
        if lost_dash(child, gap):
            gap = b" "
        elif last.type == "variable_assignment" and node.type == "command":
            gap = gap.replace(b"\n", b" ")
        if not _BLANKS.issuperset(gap) or (b"\n" in gap and _is_one_line(node, children)):
            raise UnreadableError("the parser passes over a part of it")
        if gap and node.type in ("simple_expansion", "variable_assignment"):
            raise UnreadableError("the parser takes separate words for one")
        if not gap and ((node.type, last.type) in _KEYWORDS or (node.type in _APART and not _may_touch(last, child))):
            raise UnreadableError("words run into each other")
        last = child


def lost_dash(node: Node, gap: bytes) -> bool:
    """Whether the parser has lost the `-` in the gap before a here-document, as in `python3 - <<E`."""
    return node.type == "heredoc_redirect" and gap.strip(b" \t") == b"-" and gap[:1] in b" \t" and gap[-1:] in b" \t"


def _is_one_line(node: Node, children: list[Node]) -> bool:
    return node.type in _ONE_LINE or (node.type == "test_command" and children[0].type == "[")


def _may_touch(last: Node, following: Node) -> bool:
    if following.type in _REDIRECTS:
        return following.children[0].type != "file_descriptor"
    return last.type in _OPERATORS or last.type == "file_descriptor"


def _check_leaf(node: Node, parent: Node | None, source: bytes) -> None:
    if node.type == "comment" and node.start_byte and source[node.start_byte - 1] not in _BEFORE_COMMENT:
        raise UnreadableError("a comment begins within a word")
    if node.type == "file_descriptor" and not text_of(node, source).isdigit():
        raise UnreadableError("a word is taken for a file descriptor")
    if not node.is_named:
        # Between quotes a token begins with the blanks before it.
        stray = node.type in _CASE_ENDS and (parent is None or parent.type != "case_item")
        text = text_of(node, source).lstrip(" \t\n")
        if stray or text not in (node.type, _PROCESS if node.type == "$" else node.type):
            raise UnreadableError("the parser passes over a part of it")
        return
    if node.type in _LITERAL or (node.type == "heredoc_body" and is_quoted_heredoc(parent, source)):
        return
    text = text_of(node, source)
    if hides(text) or (node.type not in _QUOTED and ("<(" in text or ">(" in text)):
        raise UnreadableError("a command is hidden in a text")
    if node.type in _NAMES and text[:1].isspace():
        raise UnreadableError("the parser takes separate words for one")


def _check_heredoc(children: list[Node], source: bytes) -> None:
    """See that the body ends at the first line that is the delimiter, as it does for a shell."""
    parts = {child.type: child for child in children}
    start, end = parts.get("heredoc_start"), parts.get("heredoc_end")
    if start is None or end is None:
        raise UnreadableError("a here-document does not end")
    delimiter = text_of(start, source).replace("'", "").replace('"', "").replace("\\", "")
    line_end = source.find(b"\n", start.end_byte)
    at = line_end + 1
    for line in source[at:].split(b"\n"):
        shown = line.lstrip(b"\t") if "<<-" in parts else line
        if shown == delimiter.encode():
            break
        at += len(line) + 1
    if line_end < 0 or not at <= end.start_byte <= at + len(line) or at > end.end_byte:
        raise UnreadableError("a here-document ends elsewhere")
