"""Options that several commands share, and the runtime they describe."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from openskills_core.errors import SkillNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from openskills_core.manifest import Diagnostic
    from openskills_core.runtime import OpenSkillRuntime

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_DIRECTORY = click.Path(exists=True, file_okay=False)
_OWN_SKILLS = Path("skills")

skills_option = click.option(
    "--skills",
    multiple=True,
    metavar="DIR",
    type=_DIRECTORY,
    help="A directory of skills; may be repeated. [default: ./skills where it exists, and the standard locations]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
workspace_option = click.option(
    "--workspace",
    metavar="DIR",
    default="workspace",
    type=click.Path(file_okay=False),
    help="Where scripts work and leave files. [default: ./workspace]",
)


def running_options(command: _Command) -> _Command:
    """Add the options of commands that run something."""
    for option in reversed(_RUNNING):
        command = option(command)
    return command


@contextmanager
def open_runtime(
    skills: Sequence[str], *, workspace: str | None = None, python: str | None = None, sandbox: str = "auto"
) -> Iterator[OpenSkillRuntime]:
    """Hold a runtime for the `--skills` directories, or for the usual ones when there are none.

    Raises:
        SkillNotFoundError: from within; it says as well what discovery has against a skill of that name.
    """
    from openskills_core.runtime import OpenSkillRuntime

    usual = [str(_OWN_SKILLS)] if _OWN_SKILLS.is_dir() else []
    with OpenSkillRuntime(
        skills or usual, standard_locations=not skills, workspace_dir=workspace, python=python, sandbox=sandbox
    ) as runtime:
        try:
            yield runtime
        except SkillNotFoundError as error:
            reasons = [f"; {note}" for note in runtime.diagnostics if _explains(note, error.culprit)]
            raise SkillNotFoundError(f"{error}{''.join(reasons[:1])}", culprit=error.culprit) from error


def _explains(note: Diagnostic, skill_id: str) -> bool:
    """Whether a diagnostic may be why there is no such skill: it is about that directory, or about a whole location."""
    if note.skill_id:
        return note.severity == "error" and note.skill_id == skill_id
    return note.code == "no-such-directory" or skill_id in (note.path.name, note.path.parent.name)


_RUNNING = (
    skills_option,
    workspace_option,
    click.option("--timeout-ms", type=click.IntRange(min=1), metavar="N", help="End it after N ms. [default: 30000]"),
    click.option("--memory-mb", type=click.IntRange(min=1), metavar="N", help="End it above N MiB. [default: 512]"),
    click.option("--python", metavar="PATH", help="The interpreter of .py scripts. [default: the one that runs this]"),
    click.option("--sandbox", metavar="NAME", default="auto", help="A sandbox by name. [default: auto, the strongest]"),
    json_option,
)
