"""Rules, `Tool` or `Tool(pattern)` as in Claude Code's permission settings: how they read and what they match."""

from __future__ import annotations

import difflib
import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Our tools, each with the name that Claude's rules have for it.
_CLAUDE_NAMES: Mapping[str, str] = {
    "run_command": "Bash",
    "run_skill_script": "Bash",
    "read_file": "Read",
    "read_skill_file": "Read",
    "list_files": "Read",
    "list_skill_files": "Read",
    "glob": "Read",
    "grep": "Read",
    "file_info": "Read",
    "write_file": "Write",
    "edit_file": "Edit",
    "activate_skill": "Skill",
}
COMMANDS = frozenset({"Bash", "run_command", "run_skill_script"})
READERS = frozenset({"Read", "Glob", "Grep", "LS"} | {name for name, of in _CLAUDE_NAMES.items() if of == "Read"})
WRITERS = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit", "write_file", "edit_file"})
SKILLS = frozenset({"Skill", "activate_skill", "list_skills"})
# What a rule covers besides the tool that it names. A rule with a name of ours covers that tool alone.
_COVERS: Mapping[str, frozenset[str]] = {
    "Bash": COMMANDS,
    "Read": READERS,
    "Glob": frozenset({"glob"}),
    "Grep": frozenset({"grep"}),
    "LS": frozenset({"list_files"}),
    **dict.fromkeys(("Write", "Edit", "MultiEdit", "NotebookEdit"), WRITERS),
    "Skill": frozenset({"activate_skill"}),
}
_EXACT = COMMANDS | READERS | WRITERS | SKILLS | {"WebFetch", "WebSearch"}
_NEARLY = 0.8
_ANY_CASE = {name.casefold(): name for name in sorted(_EXACT, reverse=True)}

_FORM = re.compile(r"(?P<tool>[A-Za-z_][\w.*-]*)(?:\((?P<pattern>.*)\))?", re.DOTALL)
_SERVER = re.compile(r"mcp__[^*]+?__")
_COMPOUND = re.compile(r"[;&|<>`\n\r]|\$\(")
_SEPARATORS = re.compile(r"[;&|<>`\n\r(){}]+")
_ASSIGNMENTS = re.compile(r"(?:[A-Za-z_]\w*=\S* )+")


def claude_name(tool: str) -> str:
    """Return the name that Claude's rules have for one of our tools; any other name comes back as it is."""
    return _CLAUDE_NAMES.get(tool, tool)


def misspelt(tool: str) -> str:
    """Return the known tool that a name nearly is, "" for a known one and for one that is like none."""
    if tool in _EXACT or tool.startswith("mcp__"):
        return ""
    return next(iter(difflib.get_close_matches(tool, sorted(_EXACT), n=1, cutoff=_NEARLY)), "")


def known_name(tool: str) -> str:
    """Return `tool` with the letter case of the tool that is meant: `bash` in a deny rule must not be void."""
    return tool if tool in _EXACT else _ANY_CASE.get(tool.casefold(), tool)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `text` as written, the tool it names, and its pattern ("" for the whole tool)."""

    text: str
    tool: str
    pattern: str = ""

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read `Tool` or `Tool(pattern)`. `Tool(*)` is `Tool`, and so are `Tool(:*)` and `WebFetch(domain:*)`.

        Raises:
            ValueError: for no tool name, an empty pattern, unbalanced parentheses, or `*` in a name before
                `mcp__<server>__`.
        """
        return _parse(text)

    def covers(self, tool: str) -> bool:
        """Whether the rule is about `tool`: the same name, a member of its family, or a tool of its MCP server."""
        if tool == self.tool or tool in _COVERS.get(self.tool, ()):
            return True
        if not self.tool.startswith("mcp__"):
            return False
        whole_server = "__" not in self.tool.removeprefix("mcp__")
        return _glob(f"{self.tool}__*" if whole_server else self.tool, tool)

    def matches(self, tool: str, detail: str, *, grants: bool) -> bool:
        """Whether the rule speaks about this use of `tool`.

        A pattern is the text itself, with `*` for anything. A trailing ` *` or `:*` ends at a word boundary:
        `Bash(ls *)` is `ls` and `ls -la`, not `lsof`. `WebFetch(domain:…)` looks at the host name. In doubt a pattern
        fails closed, so it depends on what the rule does:

        * `grants` (allow, allowed-tools): a pattern never matches a command that holds `;`, `&`, `|`, `<`, `>`, a
          backquote, `$(` or a newline, for what stands behind those would run unread. Paths match from their start.
        * otherwise (deny, ask): a command matches as a whole or in any part between those separators, parentheses and
          braces, with or without leading assignments. A path matches at any depth, and so does all beneath it.
        """
        if not self.pattern or not self.covers(tool):
            return self.covers(tool)
        if tool in COMMANDS:
            return _command_matches(self.pattern, detail, grants=grants)
        if tool in READERS | WRITERS:
            return _path_matches(self.pattern, detail, grants=grants)
        if self.tool == "WebFetch" and self.pattern.startswith("domain:"):
            return _host_matches(self.pattern.removeprefix("domain:").lower(), detail)
        return _matches_to_word_end(self.pattern, detail)


@lru_cache(maxsize=1024)
def _parse(text: str) -> Rule:
    form = _FORM.fullmatch(text.strip())
    if form is None or not _is_sound(form["tool"], form["pattern"]):
        raise ValueError(f"{text!r} is not a rule: write Tool or Tool(pattern), for example Read or Bash(git *)")
    tool, pattern = known_name(form["tool"]), (form["pattern"] or "").strip()
    whole = pattern in ("*", ":*") or (tool, pattern) == ("WebFetch", "domain:*")
    return Rule(text.strip(), tool, "" if whole else pattern)


def _is_sound(tool: str, pattern: str | None) -> bool:
    if "*" in tool and not _SERVER.match(tool):
        return False
    return pattern is None or (bool(pattern.strip()) and _is_balanced(pattern))


def _is_balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0


def _glob(pattern: str, text: str) -> bool:
    """Match `*` against anything, in linear time: a skill writes patterns too, and a regular expression could hang."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _matches_to_word_end(pattern: str, text: str) -> bool:
    if not pattern.endswith((" *", ":*")):
        return _glob(pattern, text)
    prefix = pattern[:-2]
    return _glob(prefix, text) or _glob(f"{prefix} *", text)


def _command_matches(pattern: str, command: str, *, grants: bool) -> bool:
    pattern, whole = _squeezed(pattern), _squeezed(command)
    if grants:
        return not _COMPOUND.search(whole) and _matches_to_word_end(pattern, whole)
    parts = {whole, *map(_squeezed, _SEPARATORS.split(whole))}
    parts |= {_ASSIGNMENTS.sub("", part, count=1) for part in parts if _ASSIGNMENTS.match(part)}
    return any(_matches_to_word_end(pattern, part) for part in parts)


def _squeezed(command: str) -> str:
    """Return the command as the shell separates its words: by spaces and tabs, however many."""
    return re.sub(r"[ \t]+", " ", command).strip(" \n")


def _path_matches(pattern: str, path: str, *, grants: bool) -> bool:
    path = posixpath.normpath(path) if path else path
    pattern = pattern.removeprefix("./")
    if grants:
        return _glob(pattern, path)
    base = pattern.removeprefix("**/").lstrip("/").removesuffix("/**").rstrip("/")
    names = path.split("/")
    tails = ("/".join(names[start:]) for start in range(len(names)))
    return any(_glob(base, tail) or _glob(f"{base}/*", tail) for tail in tails)


def _host_matches(pattern: str, detail: str) -> bool:
    """`*.example.com` is every host beneath the domain, not the domain itself; any other `*` stays within one label."""
    from urllib.parse import urlsplit

    try:
        host = urlsplit(detail).hostname if "://" in detail else detail.removeprefix("domain:").lower()
    except ValueError:
        return False
    labels, wanted = (host or "").rstrip(".").split("."), pattern.split(".")
    if wanted[0] == "*" and len(wanted) > 1:
        return len(labels) >= len(wanted) and labels[1 - len(wanted) :] == wanted[1:]
    return len(labels) == len(wanted) and all(map(_glob, wanted, labels))
