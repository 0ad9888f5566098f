"""Where clients look for skills, and who wins."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Literal

import pytest

from openskills_core.registry import Location, Registry, standard_locations
from openskills_core.registry.repository import main_checkout
from tests.registry.places import ids, write_skill

if TYPE_CHECKING:
    from pathlib import Path

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git makes the worktrees")


def test_claude_code_puts_the_organization_over_the_person_over_the_project(tmp_path: Path) -> None:
    """Project skills are looked for up to the root of the repository, synced ones come last and are not trusted."""
    (tmp_path / "repo" / "a" / "b").mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    locations = standard_locations(tmp_path / "repo" / "a" / "b", tmp_path / "home")
    assert [(location.name, str(location.path.relative_to(tmp_path))) for location in locations[1:]] == [
        ("personal", "home/.claude/skills"),
        ("project", "repo/a/b/.claude/skills"),
        ("project", "repo/a/.claude/skills"),
        ("project", "repo/.claude/skills"),
        ("synced", "home/.claude/skills/synced"),
    ]
    assert locations[0].name == "enterprise"
    assert [location.trusted for location in locations] == [True] * 5 + [False]
    assert not any(location.required for location in locations)


def test_agentskills_puts_the_project_over_the_person_and_knows_every_client(tmp_path: Path) -> None:
    """`.agents` comes first, then `.claude`; what the project brings is not trusted unless the host names it."""
    locations = standard_locations(tmp_path / "project", tmp_path / "home", "agentskills")
    inside = [location for location in locations if location.path.is_relative_to(tmp_path)]
    expected = (
        "project/.agents project/.claude project/.github project/.codex project/.gemini project/.cursor "
        "project/.opencode project/.opencode project/.goose project/.pi home/.agents home/.claude home/.copilot "
        "home/.codex home/.gemini home/.cursor home/.config/opencode home/.config/opencode home/.config/goose "
        "home/.pi/agent"
    )
    assert [str(location.path.parent.relative_to(tmp_path)) for location in inside] == expected.split()
    assert {(location.name, location.trusted) for location in inside} == {("project", False), ("personal", True)}
    assert [location.name for location in locations if location not in inside] == ["system"]


def test_in_agentskills_the_nearest_directory_wins_over_the_client(tmp_path: Path) -> None:
    """A parent's `.agents` comes after the project's own `.pi`."""
    (tmp_path / "repo" / "a").mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    locations = standard_locations(tmp_path / "repo" / "a", tmp_path / "home", "agentskills")
    order = [location.path.parent for location in locations]
    assert order.index(tmp_path / "repo" / "a" / ".pi") < order.index(tmp_path / "repo" / ".agents")


@pytest.mark.parametrize(("preset", "winner"), [("claude-code", "personal"), ("agentskills", "project")])
def test_the_preset_decides_who_wins(
    tmp_path: Path, preset: Literal["claude-code", "agentskills"], winner: str
) -> None:
    """The same two skills of one id."""
    for place in ("home", "project"):
        write_skill(tmp_path / place / ".claude" / "skills" / "deploy")
    found = Registry(standard_locations(tmp_path / "project", tmp_path / "home", preset), preset=preset)
    assert found.get("deploy").location == winner
    assert [note.code for note in found.diagnostics if note.skill_id] == ["shadowed"]


def test_outside_a_repository_only_the_project_itself_is_searched(tmp_path: Path) -> None:
    """Parents that are no part of the project are left alone."""
    locations = standard_locations(tmp_path / "work", tmp_path / "home")
    project = [location.path for location in locations if location.name == "project"]
    assert project == [tmp_path / "work" / ".claude" / "skills"]


def test_an_unknown_preset_lists_the_known_ones(tmp_path: Path) -> None:
    """A typing mistake does not fall back to anything."""
    with pytest.raises(ValueError, match="claude-code, agentskills, not 'claude'"):
        standard_locations(tmp_path, tmp_path, "claude")  # type: ignore[arg-type]


def test_an_unknown_kind_of_location_lists_the_known_ones(tmp_path: Path) -> None:
    """Likewise."""
    with pytest.raises(ValueError, match="skills, tree, plugin, commands, not 'plugins'"):
        Location(tmp_path, kind="plugins")  # type: ignore[arg-type]


def test_a_remote_location_is_never_trusted(tmp_path: Path) -> None:
    """Not even when asked to."""
    write_skill(tmp_path / "one")
    assert Registry([Location(tmp_path, "remote", trusted=True)]).get("one").trusted is False


def test_synced_skills_have_ids_of_their_own_and_no_skill_may_take_their_place(tmp_path: Path) -> None:
    """`synced` in any capitalization is where Claude Code keeps them, so it is no skill."""
    home = tmp_path / "home" / ".claude" / "skills"
    write_skill(home / "pdf")
    write_skill(home / "synced" / "pdf")
    write_skill(tmp_path / "project" / ".claude" / "skills" / "Synced")
    found = Registry(standard_locations(tmp_path / "project", tmp_path / "home"))
    assert ids(found) == ["anthropic-skills:pdf", "pdf"]
    assert (found.get("anthropic-skills:pdf").trusted, found.get("pdf").trusted) == (False, True)
    assert [(note.code, note.path.parent.name) for note in found.diagnostics] == [("reserved-name", "Synced")]


@needs_git
def test_a_linked_worktree_without_skills_uses_those_of_the_main_checkout(tmp_path: Path) -> None:
    """Its own win; parents are searched up to the root of the worktree only."""
    main, linked = tmp_path / "main", tmp_path / "elsewhere" / "linked"
    write_skill(main / ".claude" / "skills" / "deploy")
    (main / "file").write_text("", encoding="utf-8")
    git = ["git", "-C", str(main), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "file"], ["commit", "-qm", "1"], ["worktree", "add", "-q", str(linked)]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    (linked / "inner").mkdir()
    project = [
        location.path
        for location in standard_locations(linked / "inner", tmp_path / "home")
        if location.name == "project"
    ]
    assert project == [place / ".claude" / "skills" for place in (linked / "inner", linked, main)]
    write_skill(linked / ".claude" / "skills" / "deploy")
    assert main not in [path.parent.parent for path in (one.path for one in standard_locations(linked, tmp_path))]


@needs_git
def test_a_repository_that_does_not_know_a_worktree_lends_it_nothing(tmp_path: Path) -> None:
    """Anybody can write a `.git` file that points to somebody else's repository."""
    subprocess.run(["git", "init", "-q", str(tmp_path / "victim")], check=True)
    own = tmp_path / "victim" / ".git" / "worktrees" / "x"
    own.mkdir(parents=True)
    (own / "commondir").write_text("../..\n", encoding="utf-8")
    (own / "gitdir").write_text("/nowhere/.git\n", encoding="utf-8")
    (tmp_path / "claimant").mkdir()
    (tmp_path / "claimant" / ".git").write_text(f"gitdir: {own}\n", encoding="utf-8")
    assert main_checkout(tmp_path / "claimant") is None
    (own / "gitdir").write_text(f"{tmp_path}/claimant/.git\n", encoding="utf-8")
    assert main_checkout(tmp_path / "claimant") == tmp_path / "victim"


@pytest.mark.parametrize("pointer", ["", "gitdir: ", "gitdir: /nowhere", "gitdir: a\0b", "nonsense"])
def test_a_git_file_that_leads_nowhere_is_no_worktree(tmp_path: Path, pointer: str) -> None:
    """Nor an error."""
    (tmp_path / ".git").write_text(pointer, encoding="utf-8")
    assert main_checkout(tmp_path) is None
