"""From the syntax tree of a shell text to its simple commands, variables not looked up yet."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openskills_core.policy.shell.words import RawWord, Unknown, read_word
from openskills_core.policy.syntax import UnreadableError, hides, is_quoted_heredoc, lost_dash, parsed, text_of, walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tree_sitter import Node

MAX_COMMANDS = 1_000
_WORDS = frozenset(
    {"command_name", "word", "number", "string", "raw_string", "ansi_c_string", "translated_string", "concatenation"}
    | {"simple_expansion", "expansion", "command_substitution", "process_substitution", "arithmetic_expansion"}
    | {"brace_expression", "variable_name", "$"}
)
_SIMPLE = frozenset({"command", "declaration_command", "unset_command", "test_command"})
_LAST_OF = frozenset({"list", "pipeline", "negated_command"})
# Where every command that runs is one of those found, so that each may be approved by itself.
_PLAIN = (_WORDS - {"arithmetic_expansion", "brace_expression"}) | frozenset(
    {"program", "command", "list", "pipeline", "redirected_statement", "subshell", "compound_statement", "comment"}
    | {"negated_command", "if_statement", "elif_clause", "else_clause", "while_statement", "do_group", "for_statement"}
    | {"declaration_command", "unset_command", "variable_assignment", "variable_assignments", "special_variable_name"}
    | {"file_redirect", "file_descriptor", "herestring_redirect", "heredoc_redirect", "heredoc_start", "heredoc_body"}
    | {"heredoc_content", "heredoc_end", "string_content"}
)
_KEYWORDS = frozenset(
    {"{", "}", "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "select"}
    | {"function", "[["}
)
_BEFORE_STATEMENTS = frozenset({"time", "-p", "!", "coproc"})
# In these a quoted text is what it says; in arithmetic, a subscript and a test bash evaluates it.
_KEEP_QUOTES = frozenset(
    {"command", "command_name", "declaration_command", "unset_command", "variable_assignment", "array"}
    | {"file_redirect", "herestring_redirect", "for_statement", "case_statement", "case_item"}
)
_EVALUATE = frozenset({"arithmetic_expansion", "subscript", "test_command", "c_style_for_statement"})
_ODD_SIGNS = frozenset({"((", "select"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[|$)")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[[^]]*\])?\+?=")
_ESCAPED = re.compile(r"\\([\\$`])")


@dataclass(slots=True)
class Draft:
    """One simple command as it is written; see `shell.Command`. `start` and `end` are offsets in the source."""

    start: int
    end: int
    lead: list[str] = field(default_factory=list)
    words: list[RawWord] = field(default_factory=list)
    assigned: list[tuple[str, RawWord | None]] = field(default_factory=list)
    redirects: list[tuple[RawWord, bool]] = field(default_factory=list)
    stdin: RawWord | None = None
    lasting: bool = False


class Reader:
    """Reads one text. `drafts` are its commands, `inner` texts within it that bash reads a second time.

    `odd` names a construct in which something may run that is not among the commands found.

    Raises:
        UnreadableError: the text cannot be read with certainty.
    """

    def __init__(self, text: str) -> None:
        self.odd = ""
        self.inner: list[str] = []
        self._of: dict[int, Draft] = {}
        self._later: list[tuple[Node, list[Node]]] = []
        root, self._source = parsed(text)
        for node, parent in walk(root, self._source):
            self._visit(node, parent)
        for statement, redirects in self._later:
            self._connect(statement, redirects)
        for node in root.children:
            self._mark_lasting(node)
        for draft in self._of.values():
            _check_program(draft.words)

    @property
    def drafts(self) -> list[Draft]:
        """The commands, in the order of their beginnings."""
        return sorted(self._of.values(), key=lambda draft: draft.start)

    def source(self, draft: Draft) -> str:
        """Return the text of one command."""
        return self._source[draft.start : draft.end].decode()

    def _visit(self, node: Node, parent: Node | None) -> None:
        kind = node.type
        if not self.odd and (kind in _ODD_SIGNS or (node.is_named and kind not in _PLAIN)):
            self.odd = kind.replace("_", " ")
        if self._is_evaluated(node, parent):
            raise UnreadableError("a command is hidden in a text")
        if kind in _SIMPLE:
            self._read_command(node)
        elif kind == "redirected_statement":
            self._later.append((node, node.children))
        elif kind == "variable_assignment" and (parent is None or parent.type not in _SIMPLE):
            self._draft(node).assigned.append(self._assignment(node))
        elif kind == "for_statement":
            self._draft(node).assigned.append((self._text(node.children[1]), None))
        elif kind == "function_definition":
            self._later.append((node, [child for child in node.children if child.type.endswith("_redirect")]))
        elif kind == "expansion" and not self._text(node).lstrip()[2:-1].isidentifier():
            self.odd = self.odd or "expansion with an operator"
        elif kind == "command_substitution" and node.children[0].type == "`" and "\\" in self._text(node):
            self.odd = self.odd or "backslash between backquotes"
            self.inner.append(_ESCAPED.sub(r"\1", self._text(node).lstrip()[1:-1]))

    def _is_evaluated(self, node: Node, parent: Node | None) -> bool:
        """Whether a `$(…)` in quotes, or behind a backslash, may be run all the same."""
        if node.type in ("raw_string", "concatenation"):
            kept = parent is None or parent.type in _KEEP_QUOTES or parent.type == "concatenation"
            return not kept and "'" in self._text(node) and hides(self._text(node).replace("'", ""))
        evaluates = node.type in _EVALUATE or (node.type == "compound_statement" and node.children[0].type == "((")
        return evaluates and any(sign in self._text(node) for sign in ("\\$", "\\`"))

    def _text(self, node: Node) -> str:
        return text_of(node, self._source)

    def _draft(self, node: Node) -> Draft:
        if len(self._of) >= MAX_COMMANDS:
            raise UnreadableError(f"it has more than {MAX_COMMANDS:,} commands")
        return self._of.setdefault(node.id, Draft(node.start_byte, node.end_byte))

    def _read_command(self, node: Node) -> None:
        draft, last = self._draft(node), node.start_byte
        # A test starts no program; what stands in it is visited by itself.
        for child in node.children if node.type != "test_command" else ():
            if draft.lead and not draft.words and b"\n" in self._source[last : child.start_byte].replace(b"\\\n", b""):
                # The parser goes on over the end of a line of assignments; a shell does not.
                draft = self._of[child.id] = Draft(child.start_byte, node.end_byte)
            self._read_part(draft, node, child)
            last = child.end_byte

    def _read_part(self, draft: Draft, node: Node, child: Node) -> None:
        """Take in one part of a command, or of `export`, `unset` and their like."""
        if child.type == "variable_assignment":
            draft.assigned.append(self._assignment(child))
            if node.type == "command":
                draft.lead.append(self._text(child))
            else:
                draft.words.append(self._argument(child))
        elif child.type.endswith("_redirect"):
            self._redirect(draft, child)
        elif child.type in _WORDS:
            draft.words.append(read_word(child, self._source))
        elif child.type == "comment" and (child.end_byte == node.end_byte or not draft.words):
            return
        elif node.type == "command":
            raise UnreadableError(f"the parser takes {self._text(child)!r} for more than a word")
        else:
            draft.words.append(RawWord(self._text(child), (Unknown(single=False) if child.is_named else child.type,)))

    def _argument(self, assignment: Node) -> RawWord:
        name, value = self._assignment(assignment)
        return RawWord(self._text(assignment), (f"{name}=", *(value.pieces if value else (Unknown(single=True),))))

    def _assignment(self, node: Node) -> tuple[str, RawWord | None]:
        name, sign, *value = node.children
        if not _NAME.match(self._text(name)):
            raise UnreadableError("a word is taken for an assignment")
        if sign.type != "=":
            return self._text(name).partition("[")[0], RawWord(self._text(node), (Unknown(single=True),))
        if name.type != "variable_name":
            return self._text(name).partition("[")[0], None
        if not value:
            return self._text(name), RawWord("", ("",))
        return self._text(name), read_word(value[0], self._source) if value[0].type in _WORDS else None

    def _connect(self, statement: Node, parts: Iterable[Node]) -> None:
        """Give the redirections of a statement to the command that they stand behind."""
        target = statement.children[0]
        while target.type in _LAST_OF:
            target = target.children[-1]
        draft = self._of.get(target.id) if target.type in _SIMPLE else None
        last = target
        for part in parts:
            if part.type.endswith("_redirect"):
                draft = draft or self._draft(statement)
                if lost_dash(part, self._source[last.end_byte : part.start_byte]):
                    draft.words.append(RawWord("-", ("-",)))
                self._redirect(draft, part)
            last = part

    def _redirect(self, draft: Draft, node: Node) -> None:
        if self._source[node.start_byte - 1 : node.start_byte] == b"}":
            raise UnreadableError("it may redirect a descriptor that it names itself")
        if node.type == "heredoc_redirect":
            self._here_document(draft, node)
            return
        operator, *targets = [child for child in node.children if child.type != "file_descriptor"]
        words = [read_word(child, self._source) for child in targets]
        if node.type == "herestring_redirect":
            draft.stdin = words[0]
            return
        if not operator.type.endswith("-"):
            target = words.pop(0)
            if targets[0].type != "process_substitution" and not (
                operator.type.endswith("&") and target.raw.rstrip("-").isdigit()
            ):
                draft.redirects.append((target, ">" in operator.type))
        # The parser takes what follows a redirection for more of it; for a shell these are arguments.
        draft.words += words

    def _here_document(self, draft: Draft, node: Node) -> None:
        for child in node.children:
            if child.type in ("file_redirect", "herestring_redirect"):
                self._redirect(draft, child)
            elif child.type in _WORDS:
                draft.words.append(read_word(child, self._source))
            elif child.type == "heredoc_body":
                body = self._text(child)
                literal = is_quoted_heredoc(node, self._source) or not {"$", "\\"} & set(body)
                draft.stdin = RawWord("", (body if literal else Unknown(single=True),))

    def _mark_lasting(self, node: Node) -> None:
        """Mark an assignment that whatever follows it sees."""
        following = node.next_sibling
        background = following is not None and following.type == "&"
        for one in node.children if node.type == "variable_assignments" else (node,):
            if one.type == "variable_assignment" and not background:
                self._of[one.id].lasting = True


def _check_program(words: list[RawWord]) -> None:
    """Refuse what the parser takes for a program and a shell does not."""
    if words and _ASSIGNMENT.match(words[0].raw):
        raise UnreadableError("the parser takes an assignment for a program")
    if _misses_a_statement(words):
        raise UnreadableError("the parser takes a keyword for a program")


def _misses_a_statement(words: list[RawWord]) -> bool:
    """Whether these words are the beginning of a statement, as in `time { …; }`, which the parser does not know."""
    last = ""
    for word in words:
        if word.raw in _KEYWORDS:
            return True
        if word.raw not in _BEFORE_STATEMENTS and not (last and (last == "coproc" or "=" in word.raw)):
            return False
        last = word.raw
    return False
