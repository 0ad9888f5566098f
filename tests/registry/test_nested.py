"""Skills of directories inside a project, found at the first use of a file there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openskills_core.registry import Location, Registry
from tests.registry.places import codes, ids, write_skill

if TYPE_CHECKING:
    from pathlib import Path

SKILLS = ".claude/skills"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a skill at its root and one of the same id in apps/web."""
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    write_skill(project / SKILLS / "deploy", "root")
    write_skill(project / "apps" / "web" / SKILLS / "deploy", "web")
    write_skill(project / "apps" / "web" / SKILLS / "style")
    return project


def found_in(project: Path, *, locations: tuple[Location, ...] = ()) -> Registry:
    """Return a registry of the project's own skills."""
    own = Location(project / SKILLS, "project", required=False)
    return Registry([*locations, own], project=project)


def test_they_are_there_after_the_first_use_of_a_file_beside_them(project: Path) -> None:
    """Both skills of one id stay; the nested one is called after its directory."""
    found = found_in(project)
    assert ids(found) == ["deploy"]
    assert found.visit("README.md") == found.visit("apps/x.txt") == ()
    assert found.visit("apps/web/src/index.ts") == ("apps/web:deploy", "style")
    assert found.visit(project / "apps" / "web" / "other.ts") == ()
    assert ids(found) == ["apps/web:deploy", "deploy", "style"]
    assert [found.body(found.get(name)) for name in ("deploy", "apps/web:deploy")] == ["root", "web"]
    assert (found.get("apps/web:deploy").id, found.get("style").location, codes(found)) == (
        "apps/web:deploy",
        "nested",
        [],
    )


def test_they_are_not_trusted(project: Path) -> None:
    """A script that may write to the project may have written them."""
    found = found_in(project)
    found.visit("apps/web/a")
    assert (found.get("deploy").trusted, found.get("style").trusted) == (True, False)


def test_their_directories_are_kept_from_scripts_like_any_location(project: Path) -> None:
    """So the sandbox shows them read-only from then on."""
    found = found_in(project)
    found.visit("apps/web/a")
    assert project / "apps" / "web" / SKILLS in [location.path for location in found.locations]


def test_they_are_watched(project: Path) -> None:
    """Like all others; when the clash ends, so does the longer name."""
    found = found_in(project)
    found.visit("apps/web/a")
    write_skill(project / "apps" / "web" / SKILLS / "new")
    assert "new" in ids(found)
    (project / SKILLS / "deploy" / "SKILL.md").unlink()
    assert ids(found) == ["deploy", "new", "style"]
    assert found.body(found.get("deploy")) == "web"


@pytest.mark.parametrize("pattern", ["web", "apps/", "/apps/web/", "**/web"])
def test_what_git_ignores_is_left_out(project: Path, pattern: str) -> None:
    """Packages of dependencies bring skills that nobody asked for."""
    (project / ".gitignore").write_text(f"{pattern}\n", encoding="utf-8")
    assert found_in(project).visit("apps/web/a") == ()


def test_a_project_that_is_ignored_itself_still_counts(project: Path) -> None:
    """A workspace is often an ignored directory of the repository around it."""
    (project / ".gitignore").write_text("apps\n", encoding="utf-8")
    inner = Registry([], project=project / "apps")
    assert inner.visit("web/a") == ("deploy", "style")


def test_a_pattern_that_would_take_for_ever_is_not_obeyed(project: Path) -> None:
    """A stranger's .gitignore must not hang the host."""
    long = "a" * 250
    write_skill(project / long / SKILLS / "x")
    (project / ".gitignore").write_text("*a" * 40 + "b\n" + "apps\n", encoding="utf-8")
    found = found_in(project)
    assert found.visit(f"{long}/file") == ("x",)
    assert found.visit("apps/web/a") == ()


@pytest.mark.parametrize(
    "path", ["../other/a", "/etc/passwd", "node_modules/pkg/a", ".git/x/a", "a\0b", "\ud800/a", "x" * 5000, ""]
)
def test_outside_of_the_project_nothing_is_looked_for(project: Path, path: str) -> None:
    """Nor in what is not the project's own."""
    for name in ("../other", "node_modules/pkg", ".git/x"):
        write_skill(project / name / SKILLS / "y")
    assert found_in(project).visit(path) == ()


def test_a_link_leads_no_further_than_the_project(project: Path, tmp_path: Path) -> None:
    """A script could put a link where a file is read next, and so have any directory shown."""
    write_skill(tmp_path / "private" / "secret")
    (project / "trap" / ".claude").mkdir(parents=True)
    (project / "trap" / SKILLS).symlink_to(tmp_path / "private")
    (project / "trap2" / SKILLS).mkdir(parents=True)
    (project / "trap2" / SKILLS / "x").symlink_to(tmp_path / "private" / "secret")
    (project / "way").symlink_to(tmp_path / "private")
    found = found_in(project)
    assert found.visit("trap/a") == found.visit("trap2/a") == found.visit("way/a") == ()
    assert codes(found) == ["outside", "outside"]


def test_without_a_project_there_are_none(tmp_path: Path) -> None:
    """A registry of one directory stays that."""
    write_skill(tmp_path / "x" / SKILLS / "y")
    assert Registry([Location(tmp_path)]).visit(tmp_path / "x" / "file") == ()


def test_in_agentskills_the_common_directory_counts_too(tmp_path: Path) -> None:
    """`.agents` first."""
    write_skill(tmp_path / "x" / ".agents" / "skills" / "a", "agents")
    write_skill(tmp_path / "x" / SKILLS / "a", "claude")
    found = Registry([], project=tmp_path, preset="agentskills")
    assert found.visit("x/file") == ("a", "x:a")
    assert found.body(found.get("a")) == "agents"
