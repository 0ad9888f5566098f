"""`openskills list` and `openskills show`: what skills there are, and what is in one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from openskills_core.cli.options import json_option, open_runtime, skills_option
from openskills_core.cli.output import headline, one_line, print_json, say, table, warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openskills_core.manifest import Diagnostic
    from openskills_core.models import ActivatedSkill, SkillInfo

_MAX_FILES = 100


@click.command("list", epilog="Example: openskills list --skills ./skills")
@skills_option
@click.option("--verbose", is_flag=True, help="Tell of what is merely worth knowing, too.")
@click.option("--diagnostics", "only_notes", is_flag=True, help="Print what is wrong with skills, instead of them.")
@json_option
def list_skills(skills: Sequence[str], *, verbose: bool, only_notes: bool, as_json: bool) -> None:
    """List the skills. Why one was not picked up is on standard error."""
    with open_runtime(skills) as runtime:
        found, notes = runtime.discover_skills(), runtime.diagnostics
    if only_notes:
        _print_notes(notes, as_json=as_json)
        return
    if as_json:
        print_json([asdict(skill) for skill in found])
    else:
        _print_skills(found)
    for note in notes:
        if verbose or note.severity != "info":
            warn(one_line(str(note)))


@click.command(epilog="Example: openskills show csv-profile")
@click.argument("skill_id", metavar="ID")
@skills_option
@json_option
def show(skill_id: str, skills: Sequence[str], *, as_json: bool) -> None:
    """Show what a skill says of itself, its files and its text."""
    with open_runtime(skills) as runtime:
        active = runtime.activate_skill(skill_id)
        info = next(skill for skill in runtime.list_skills() if skill.id == skill_id)
        files = runtime.list_skill_files(skill_id, recursive=True)
    if as_json:
        print_json(_document(info, active, files))
    else:
        _print_skill(info, active, files)


def _print_notes(notes: Sequence[Diagnostic], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(note) for note in notes])
        return
    for note in notes:
        say(one_line(str(note)))


def _print_skills(found: Sequence[SkillInfo]) -> None:
    table(("ID", "WHERE", "DESCRIPTION"), [(skill.id, skill.location, one_line(skill.description)) for skill in found])
    if not found:
        warn("no skills here: name a directory of skills with --skills DIR")


def _document(info: SkillInfo, active: ActivatedSkill, files: list[str]) -> dict[str, Any]:
    return {**asdict(info), **asdict(active), "files": files}


def _print_skill(info: SkillInfo, active: ActivatedSkill, files: list[str]) -> None:
    headline(info.id)
    for label, text in _facts(info, active):
        say(f"{label + ':':<18}{one_line(text)}")
    _print_list("files", _shortened(files))
    _print_list("diagnostics", map(_described, active.diagnostics))
    say()
    say(active.instructions.strip("\n"))


def _facts(info: SkillInfo, active: ActivatedSkill) -> Iterable[tuple[str, str]]:
    facts = (
        ("name", info.name),
        ("description", info.description),
        ("when to use", info.when_to_use),
        ("location", f"{info.location}, {active.skill_dir}"),
        ("allowed-tools", ", ".join(active.allowed_tools)),
        ("disallowed-tools", ", ".join(active.disallowed_tools)),
    )
    return (fact for fact in facts if fact[1])


def _print_list(label: str, lines: Iterable[str]) -> None:
    for number, line in enumerate(lines):
        say(f"{label + ':' if number == 0 else '':<18}{one_line(line)}")


def _shortened(files: list[str]) -> list[str]:
    more = len(files) - _MAX_FILES
    return files if more <= 0 else [*files[:_MAX_FILES], f"and {more} more"]


def _described(note: Diagnostic) -> str:
    return f"line {note.line}: {note.severity} {note.code}: {note.message}"
