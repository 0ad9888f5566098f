"""What the tools need from whoever runs them. `OpenSkillRuntime` is one such host."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from openskills_core.errors import OpenSkillsError
    from openskills_core.models import ActivatedSkill, Call, Decision, ExecutionResult, Limits, SkillInfo
    from openskills_core.workspace import Workspace


class Host(Protocol):
    """The part of `OpenSkillRuntime` that tools stand on; see there for what each member does."""

    @property
    def workspace(self) -> Workspace:
        """The files that the workspace tools work on."""

    def visit(self, path: str) -> tuple[str, ...]:
        """Take the skills of the directories around a workspace file that was read or edited; return the new ids."""

    @property
    def prompt_dirs(self) -> Sequence[str | Path]:
        """Directories whose templates win over the shipped ones."""

    def list_skills(self) -> list[SkillInfo]:
        """Return every skill, sorted by id."""

    def activate_skill(
        self, skill_id: str, arguments: str = "", cancel: threading.Event | None = None
    ) -> ActivatedSkill:
        """Return the rendered instructions of one skill; setting `cancel` ends what rendering them has started."""

    def read_skill_file(self, skill_id: str, path: str) -> str:
        """Return the text of one file beneath a skill."""

    def list_skill_files(self, skill_id: str, subdir: str | None = None, recursive: bool = False) -> list[str]:
        """Return sorted relative POSIX paths of a skill's files."""

    def check_tool(self, skill_id: str, tool: str, detail: str = "") -> Decision:
        """Return what the policy says about one use of `tool`, named as Claude Code names it; ask nobody."""

    def decide(self, tool: str, detail: str = "", *, approved: bool = False) -> Decision:
        """Decide one use of a tool by the agent for good: like `check_tool`, but "ask" is settled by asking."""

    @property
    def limits(self) -> Limits:
        """What one call may use. A model may ask for less and never gets more."""

    def execute_call(
        self,
        call: Call,
        cancel: threading.Event | None = None,
        on_output: Callable[[str, str], None] | None = None,
    ) -> ExecutionResult:
        """Run one script or command to its end, or until `cancel` is set."""

    def refuse_call(self, call: Call, error: OpenSkillsError) -> NoReturn:
        """Record that a call is refused before it is run, and raise `error`."""

    def scoped(self, *, workspace_dir: str | Path) -> Host:
        """Return a view of this host with another workspace."""
