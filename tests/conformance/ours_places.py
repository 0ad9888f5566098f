"""The adapter, fifth part: which skills are found in a tree."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openskills_core.registry import SKILL_FILE, Location, Registry, standard_locations
from tests.conformance.corpus import Case, write_tree
from tests.conformance.ours_skills import problem_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openskills_core.manifest import Preset


def discovered(case: Case, preset: Preset, root: Path) -> dict[str, Any]:
    """Observe which skills a client that starts in `cwd` finds, and what it reports."""
    tree = root.resolve() / "tree"
    write_tree({"home": {"dir": True}, **case.input["tree"]}, tree)
    project = tree / case.input["cwd"]
    with contextlib.closing(
        Registry(tuple(_locations(case, preset, tree)), preset=preset, project=project)
    ) as registry:
        registry.discover()
        for path in case.input.get("touched", ()):
            registry.visit(tree / path)
        notes = registry.diagnostics
        return {
            "skills": {info.id: _place(info.path, tree) for info in registry.infos()},
            "shadowed": [_place(note.path, tree) for note in notes if note.code == "shadowed"],
            "reports": sorted({problem_of(note) for note in notes}),
        }


def _locations(case: Case, preset: Preset, tree: Path) -> Iterator[Location]:
    project = tree / case.input["cwd"]
    for location in standard_locations(project, tree / "home", preset):
        managed = location.name == "enterprise"
        yield replace(location, path=tree / "managed" / ".claude" / "skills") if managed else location
    for name in case.input.get("add_dirs", ()):
        yield Location(tree / name / ".claude" / "skills")
    for name in case.input.get("plugins", ()):
        yield Location(tree / name, kind="plugin")
    # Command files are read where a host names their directory.
    yield Location(project / ".claude" / "commands", kind="commands", required=False)


def _place(path: Path, tree: Path) -> str:
    return str((path.parent if path.name == SKILL_FILE else path).relative_to(tree))
