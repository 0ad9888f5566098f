"""One table of tool names: what Claude's rules, this runtime and other clients call the same thing.

Sources: Claude Code's tools reference; GitHub Copilot's "Tool aliases"; the tool references of VS Code, Codex,
Gemini CLI, Cursor and opencode.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["command", "path", "domain", "skill", "question", "other"]


@dataclass(frozen=True, slots=True)
class Family:
    """Tools that do the same. A rule with one of Claude's names or another client's is about all of them.

    A rule with a name of ours is about that tool alone: it can only have been written for this runtime. `kind` says
    what the detail of a use is: the text of a command, a path, a URL or domain, a skill's id.
    """

    kind: Kind
    claude: tuple[str, ...]
    ours: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Every tool of the family."""
        return frozenset({*self.claude, *self.ours, *self.others})


BASH = Family(
    "command",
    ("Bash",),
    ours=("run_command", "run_skill_script"),
    others=(
        *("Terminal", "shell", "execute", "terminal", "local_shell", "exec_command", "run_shell_command"),
        *("runInTerminal", "run_in_terminal", "runCommands", "execute/runInTerminal", "run_terminal_cmd"),
    ),
)
READ = Family(
    "path",
    ("Read", "NotebookRead"),
    ours=("read_file", "read_skill_file", "list_skill_files", "file_info"),
    others=("read", "view", "readFile", "read/readFile", "read_many_files"),
)
GLOB = Family("path", ("Glob",), ("glob",), ("search", "fileSearch", "search/fileSearch", "file_search"))
GREP = Family("path", ("Grep",), ("grep",), ("search", "textSearch", "search/textSearch", "grep_search"))
LIST = Family("path", ("LS",), ("list_files",), ("list", "listDirectory", "search/listDirectory", "list_dir"))
EDIT = Family(
    "path",
    ("Edit", "Write", "MultiEdit", "NotebookEdit"),
    ours=("write_file", "edit_file"),
    others=(
        *("edit", "write", "create", "replace", "patch", "apply_patch", "editFiles", "edit/editFiles", "createFile"),
        *("edit/createFile", "create_file", "replace_string_in_file", "insert_edit_into_file", "search_replace"),
    ),
)
SKILL = Family("skill", ("Skill",), ("activate_skill",), ("skill", "load_skill"))
FETCH = Family("domain", ("WebFetch",), others=("web", "fetch", "web_fetch", "webfetch", "web/fetch"))
SEARCH = Family("other", ("WebSearch",), others=("web", "web_search", "google_web_search", "websearch"))
AGENT = Family("other", ("Agent", "Task"), others=("agent", "task", "custom-agent", "runSubagent"))
ASK = Family(
    "question",
    ("AskUserQuestion",),
    others=("ask_user", "ask_user_question", "askQuestions", "vscode/askQuestions", "request_user_input"),
)
FAMILIES = (BASH, READ, GLOB, GREP, LIST, EDIT, SKILL, FETCH, SEARCH, AGENT, ASK)

COMMANDS = frozenset({*BASH.claude, *BASH.ours})
READERS = frozenset(name for family in (READ, GLOB, GREP, LIST) for name in (*family.claude, *family.ours))
WRITERS = frozenset({*EDIT.claude, *EDIT.ours})
SKILLS = frozenset({*SKILL.claude, *SKILL.ours, "list_skills"})
OUR_TOOLS = tuple(name for family in FAMILIES for name in family.ours)

_USUAL = frozenset({*COMMANDS, *READERS, *WRITERS, *SKILLS, "WebFetch", "WebSearch", "Agent", "AskUserQuestion"})
_CLAUDE_NAMES: Mapping[str, str] = {
    **dict.fromkeys(BASH.ours, "Bash"),
    **dict.fromkeys((*READ.ours, *GLOB.ours, *GREP.ours, *LIST.ours), "Read"),
    "write_file": "Write",
    "edit_file": "Edit",
    "activate_skill": "Skill",
}
_NEARLY = 0.8


def claude_name(tool: str) -> str:
    """Return the name that Claude's rules have for one of our tools; any other name comes back as it is."""
    return _CLAUDE_NAMES.get(tool, tool)


def known_name(tool: str) -> str:
    """Return `tool` with the letter case of the tool that is meant: `bash` in a deny rule must not be void."""
    return tool if tool in _coverage() else _any_case().get(tool.casefold(), tool)


def misspelt(tool: str) -> str:
    """Return the known tool that a name nearly is, "" for a known one and for one that is like none."""
    if tool in _coverage() or tool in _USUAL or "*" in tool or tool.startswith("mcp__"):
        return ""
    return next(iter(difflib.get_close_matches(tool, sorted(_USUAL), n=1, cutoff=_NEARLY)), "")


def covered(name: str) -> frozenset[str]:
    """Return every tool that a rule for `name` is about, itself included."""
    return _coverage().get(name, frozenset({name}))


def has_kind(tool: str, kind: Kind) -> bool:
    """Whether the detail of `tool` is of this kind."""
    return tool in _of_kind(kind)


def is_about_files(tool: str) -> bool:
    """Whether the detail of `tool` is a path in the workspace, not one in a skill."""
    return has_kind(known_name(tool), "path") and tool not in ("read_skill_file", "list_skill_files")


@cache
def _of_kind(kind: Kind) -> frozenset[str]:
    return frozenset[str]().union(*(family.names for family in FAMILIES if family.kind == kind))


@cache
def _coverage() -> Mapping[str, frozenset[str]]:
    found = {tool: frozenset({tool}) for tool in OUR_TOOLS}
    for family in FAMILIES:
        # In Claude Code a rule for Read is one for searching and listing too.
        reach = READ.names | GLOB.names | GREP.names | LIST.names if family is READ else family.names
        for name in (*family.claude, *family.others):
            found[name] = found.get(name, frozenset()) | reach
    return found


@cache
def _any_case() -> Mapping[str, str]:
    """Where two names differ in case only, the one that Claude or this runtime uses is meant."""
    return {name.casefold(): name for name in (*_coverage(), *sorted(_USUAL, reverse=True))}
