"""Which command gives a whole command line its exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core.policy.syntax import UnreadableError, parsed, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

# Exit status 1 of these is an answer, "no" or "different". Source: Claude Code, "Output limits".
_SEARCHES = frozenset({"grep", "rg", "egrep", "fgrep", "find", "diff", "test"})
_GIT_SEARCHES = frozenset({"diff", "grep"})
_STATUS_OF_LAST = frozenset({"program", "list", "pipeline", "compound_statement", "subshell"})


def is_search(command: str) -> bool:
    """Whether the command that decides the exit status is one whose status 1 is an ordinary answer."""
    try:
        root, source = parsed(command)
    except UnreadableError:
        return False
    node = _last(root)
    if node is None or node.type == "test_command":
        return node is not None
    words = [text_of(word, source) for word in node.named_children if word.type != "variable_assignment"]
    name = words[0].rpartition("/")[2]
    return name in _SEARCHES or (name == "git" and not _GIT_SEARCHES.isdisjoint(words[1:2]))


def _last(node: Node) -> Node | None:
    """Return the simple command or test whose status is the whole's, as far as that can be told."""
    while node.type not in ("command", "test_command"):
        inner = [child for child in node.named_children if child.type != "comment"]
        if node.type == "redirected_statement":
            node = inner[0]
        elif node.type in _STATUS_OF_LAST and inner:
            node = inner[-1]
        else:
            return None
    return node
