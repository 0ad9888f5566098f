"""Rules, `Tool` or `Tool(pattern)` as in Claude Code's permission settings: how they read and what they match."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from openskills_core.policy.commands import reading, speaks_of
from openskills_core.policy.domains import host_matches
from openskills_core.policy.files import files_of
from openskills_core.policy.names import BASH, EDIT, READ, claude_name, covered, has_kind, known_name
from openskills_core.policy.path_rules import Places, check_pattern, path_matches
from openskills_core.policy.patterns import BLANK, STAR, glob, to_word_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openskills_core.policy.commands import Known

_FORM = re.compile(r"(?P<tool>[A-Za-z_*][\w./*-]*)(?:\((?P<pattern>.*)\))?", re.DOTALL)
_SERVER = re.compile(r"mcp__[^*]+?__")
_PARAMETER = re.compile(r"(?P<name>[A-Za-z_]\w*)\s*:\s*(?P<value>.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$\{(\w+(?:\.\w+)?)\}")
# What a tool is for cannot be matched as one of its parameters: `Bash(command:rm *)` would overlook `ls; rm x`.
_CONTENT = {"Bash": "command", "Read": "file_path", "Edit": "file_path", "Write": "file_path", "WebFetch": "url"}
# Claude Code accepts these with a path and never consults them, so here they allow nothing. They do deny.
_GRANT_NO_PATH = frozenset({"Write", "MultiEdit", "NotebookEdit", "Glob", "Grep", "LS", "NotebookRead"})
_OF_BASH, _OF_EDIT, _OF_READ = BASH.names, EDIT.names, READ.names - set(READ.ours)
_SET_FOR_COMMANDS = "CLAUDE_SKILL_DIR"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known about a use of a tool besides its detail; everything may be left out.

    Attributes:
        workspace: Absolute path that relative ones begin at.
        home: Absolute path that `~` stands for in rules.
        real: Where the path in the detail leads once symbolic links are followed.
        parameters: The tool's input as the model sent it, for `Tool(parameter:value)`.
        variables: Values of `${NAME}` in the Bash rules of a skill, such as `CLAUDE_SKILL_DIR`.
    """

    workspace: str = ""
    home: str = ""
    real: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def places(self) -> Places:
        """Where path patterns begin."""
        return Places(self.workspace, self.home)

    @property
    def known(self) -> Known:
        """The variables that are set in every command of the skill."""
        value = self.variables.get(_SET_FOR_COMMANDS)
        return () if value is None else ((_SET_FOR_COMMANDS, value),)


@dataclass(frozen=True, slots=True)
class Asked:
    """One use of a tool, as rules see it."""

    tool: str
    detail: str = ""
    around: Surroundings = field(default_factory=Surroundings)

    @property
    def is_command(self) -> bool:
        """Whether the detail is the text of a command."""
        return has_kind(self.tool, "command")

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path under which the thing is known."""
        return (self.detail, self.around.real) if self.around.real else (self.detail,)


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
            ValueError: for no tool name, an empty pattern, unbalanced parentheses, a path that cannot be read, or a
                parameter that is the tool's own content.
        """
        return _parse(text)

    @property
    def may_grant(self) -> bool:
        """Whether the rule can allow anything: `*` in a tool's name does so only behind `mcp__<server>__`."""
        return "*" not in self.tool or _SERVER.match(self.tool) is not None

    def covers(self, tool: str) -> bool:
        """Whether the rule is about `tool`: the same name, a member of its family, or a tool of its MCP server."""
        if tool in covered(self.tool):
            return True
        if "*" in self.tool:
            return glob(self.tool, tool) or glob(self.tool, claude_name(tool))
        is_server = self.tool.startswith("mcp__") and "__" not in self.tool.removeprefix("mcp__")
        return is_server and tool.startswith(f"{self.tool}__")

    def with_variables(self, variables: Mapping[str, str], *, grants: bool) -> Rule:
        """Return a Bash rule with `${NAME}` filled in, which may hold blanks, for the rule is read already.

        In a rule that `grants` blanks and asterisks of a value mean themselves.
        """
        if "${" not in self.pattern or self.tool not in _OF_BASH:
            return self

        def value(name: re.Match[str]) -> str:
            found = variables.get(name[1], name[0])
            return re.sub(r"\s", BLANK, found).replace("*", STAR) if grants else found

        return replace(self, pattern=_VARIABLE.sub(value, self.pattern))

    def allows(self, asked: Asked) -> bool:
        """Whether the rule allows this use, by itself. Of command lines see `decisions`, for several rules share them.

        Paths match from where their pattern begins, under every name that the thing has.
        """
        if not self.may_grant or not self.covers(asked.tool):
            return False
        if not self.pattern:
            return True
        if asked.is_command or self.tool in _GRANT_NO_PATH:
            return False
        if has_kind(asked.tool, "path"):
            return all(path_matches(self.pattern, path, asked.around.places, grants=True) for path in asked.paths)
        return self._matches_text(asked, grants=True)

    def forbids(self, asked: Asked, *, denies: bool = True) -> str | None:
        """Return None when a rule that `denies` or asks is not about this use, else "" or why that is not certain.

        A command matches in any part, a path under any of its names; see `commands` and `path_rules`. A path rule is
        also about the files that a command line names, and one for Read that denies about writing.
        """
        if not self.pattern:
            return "" if self.covers(asked.tool) else None
        if asked.is_command and has_kind(self.tool, "path"):
            return self._forbids_files(asked, denies=denies) if asked.detail else None
        if not self.covers(asked.tool) and not (denies and self.tool in _OF_READ and asked.tool in _OF_EDIT):
            return None
        if self._forbids_parameter(asked.around.parameters):
            return ""
        return self._forbids_detail(asked) if asked.detail else None

    def _forbids_detail(self, asked: Asked) -> str | None:
        if asked.is_command:
            return speaks_of(self.pattern, reading(asked.detail, asked.around.known))
        if has_kind(asked.tool, "path"):
            found = self._is_about(asked.paths, asked.around)
        else:
            found = self._matches_text(asked, grants=False)
        return "" if found else None

    def _forbids_files(self, asked: Asked, *, denies: bool) -> str | None:
        files = files_of(asked.detail, asked.around.known)
        is_edit = self.tool in _OF_EDIT
        paths = files.written if is_edit else files.read + (files.written if denies else ())
        if self._is_about(paths, asked.around):
            return ""
        return (files.doubt or None) if is_edit else None

    def _is_about(self, paths: tuple[str, ...], around: Surroundings) -> bool:
        return any(path_matches(self.pattern, path, around.places, grants=False) for path in paths)

    def _forbids_parameter(self, parameters: Mapping[str, object]) -> bool:
        form = _PARAMETER.fullmatch(self.pattern)
        value = parameters.get(form["name"]) if form else None
        if form is None or not isinstance(value, (str, bool, int, float)):
            return False
        return glob(form["value"].strip(), str(value).lower() if isinstance(value, bool) else str(value))

    def _matches_text(self, asked: Asked, *, grants: bool) -> bool:
        if has_kind(asked.tool, "domain") and self.pattern.startswith("domain:"):
            return host_matches(self.pattern.removeprefix("domain:").strip(), asked.detail, grants=grants)
        if to_word_end(self.pattern, asked.detail):
            return True
        # `Skill(x)` that denies is about `x` with arguments, too, and `Skill(plugin:*)` about all of a plugin.
        first = asked.detail.split(maxsplit=1)[:1]
        return not grants and has_kind(asked.tool, "skill") and any(glob(self.pattern, name) for name in first)


@lru_cache(maxsize=1024)
def _parse(text: str) -> Rule:
    form = _FORM.fullmatch(text.strip())
    if form is None or (form["pattern"] is not None and not _is_sound(form["pattern"])):
        raise ValueError(f"{text!r} is not a rule: write Tool or Tool(pattern), for example Read or Bash(git *)")
    tool, pattern = known_name(form["tool"]), (form["pattern"] or "").strip()
    if pattern in ("*", ":*") or (has_kind(tool, "domain") and re.fullmatch(r"domain:\s*\*", pattern)):
        pattern = ""
    content = _PARAMETER.fullmatch(pattern)
    if content and content["name"] == _CONTENT.get(tool) and content["value"] != "*":
        raise ValueError(f"{text!r} is not a rule: a {tool} rule takes its pattern without {content['name']!r}")
    if pattern and has_kind(tool, "path"):
        try:
            check_pattern(pattern)
        except ValueError as error:
            raise ValueError(f"{text[:200]!r} is not a rule: {error}") from None
    return Rule(text.strip(), tool, pattern)


def _is_sound(pattern: str) -> bool:
    depth = 0
    for letter in pattern:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0 and bool(pattern.strip())
