"""The kinds of locations: plugins, command files and trees."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from openskills_core.errors import WorkspaceError
from openskills_core.registry import Location, Registry
from openskills_core.registry.trees import MAX_DEPTH, MAX_DIRECTORIES
from tests.registry.places import codes, ids, write_skill

if TYPE_CHECKING:
    from pathlib import Path


def plugin(root: Path, manifest: object = None) -> Registry:
    """Return a registry of one plugin."""
    if manifest is not None:
        (root / ".claude-plugin").mkdir(parents=True, exist_ok=True)
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        (root / ".claude-plugin" / "plugin.json").write_text(text, encoding="utf-8")
    return Registry([Location(root, kind="plugin")])


def commands(root: Path, *files: str, text: str = "Do it.\n") -> Location:
    """Write command files and return their location."""
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return Location(root, "command", kind="commands")


def tree(root: Path) -> Registry:
    """Return a registry of one tree."""
    return Registry([Location(root, kind="tree")])


def test_a_plugins_skills_bear_its_name(tmp_path: Path) -> None:
    """So they never collide with others; scripts find the plugin's directory."""
    write_skill(tmp_path / "tools" / "skills" / "deploy", fields="name: deploy\ndescription: D")
    found = plugin(tmp_path / "tools", {"name": "ops"})
    assert (ids(found), codes(found)) == (["ops:deploy"], [])
    skill = found.get("ops:deploy")
    assert (skill.plugin, skill.root, skill.manifest.name) == (
        tmp_path / "tools",
        tmp_path / "tools" / "skills" / "deploy",
        "deploy",
    )


def test_without_a_manifest_the_directory_gives_the_name(tmp_path: Path) -> None:
    """And a given prefix wins over both."""
    write_skill(tmp_path / "ops" / "skills" / "deploy")
    assert ids(plugin(tmp_path / "ops")) == ["ops:deploy"]
    assert ids(Registry([Location(tmp_path / "ops", kind="plugin", prefix="mine")])) == ["mine:deploy"]


@pytest.mark.parametrize(("fields", "expected"), [("name: ship", "ops:ship"), ("license: MIT", "ops:v1")])
def test_a_skill_at_the_root_of_a_plugin_is_called_by_its_frontmatter(
    tmp_path: Path, fields: str, expected: str
) -> None:
    """An installed plugin's directory is called after its version, which says nothing."""
    write_skill(tmp_path / "v1", fields=f"{fields}\ndescription: D")
    found = plugin(tmp_path / "v1", {"name": "ops"})
    assert ids(found) == [expected]
    assert found.get(expected).id == expected


def test_a_plugin_with_a_directory_of_skills_has_none_at_its_root(tmp_path: Path) -> None:
    """As in Claude Code, unless the manifest says so."""
    write_skill(tmp_path / "ops", fields="name: root\ndescription: D")
    write_skill(tmp_path / "ops" / "skills" / "deploy")
    assert ids(plugin(tmp_path / "ops")) == ["ops:deploy"]
    assert ids(plugin(tmp_path / "ops", {"name": "ops", "skills": ["."]})) == ["ops:deploy", "ops:root"]


def test_a_manifest_adds_directories_of_skills_and_replaces_the_command_files(tmp_path: Path) -> None:
    """The two path fields that Claude Code treats differently."""
    root = tmp_path / "ops"
    write_skill(root / "skills" / "a")
    write_skill(root / "more" / "b")
    write_skill(root / "single", fields="name: c\ndescription: D")
    commands(root, "commands/d.md", "extra/e.md", "f.md")
    manifest = {"name": "ops", "skills": ["./more/", "./single"], "commands": ["./extra", "./f.md"]}
    assert ids(plugin(root)) == ["ops:a", "ops:d"]
    assert ids(plugin(root, manifest)) == ["ops:a", "ops:b", "ops:c", "ops:e", "ops:f"]


@pytest.mark.parametrize("path", ["../other", "/etc", "./../other", "./a/../../other", 3, "plain", "./a\0b"])
def test_a_plugins_paths_stay_inside_it(tmp_path: Path, path: object) -> None:
    """Others are named and not followed."""
    write_skill(tmp_path / "other" / "secret")
    write_skill(tmp_path / "ops" / "skills" / "a")
    found = plugin(tmp_path / "ops", {"name": "ops", "skills": path})
    assert (ids(found), codes(found)) == (["ops:a"], ["bad-plugin"])


def test_a_plugins_links_stay_inside_it(tmp_path: Path) -> None:
    """A plugin is a stranger's: it must not show what else is on the disk."""
    write_skill(tmp_path / "private")
    write_skill(tmp_path / "ops" / "shared" / "a")
    (tmp_path / "ops" / "skills").mkdir()
    (tmp_path / "ops" / "skills" / "out").symlink_to(tmp_path / "private")
    (tmp_path / "ops" / "skills" / "in").symlink_to("../shared/a")
    found = plugin(tmp_path / "ops")
    assert (ids(found), codes(found)) == (["ops:in"], ["outside"])


@pytest.mark.parametrize(
    "manifest", ["", "{", "[]", '"text"', "[" * 100_000, {"name": "a:b"}, {"name": 3}, {"name": ""}]
)
def test_a_manifest_that_cannot_be_read_costs_only_what_it_says(tmp_path: Path, manifest: object) -> None:
    """The directory's name stands in, and it is said."""
    write_skill(tmp_path / "ops" / "skills" / "a")
    found = plugin(tmp_path / "ops", manifest)
    assert (ids(found), codes(found)) == (["ops:a"], ["bad-plugin"])


def test_a_plugin_is_watched(tmp_path: Path) -> None:
    """A new name gives new ids, a new skill is seen."""
    write_skill(tmp_path / "ops" / "skills" / "a")
    found = plugin(tmp_path / "ops")
    assert ids(found) == ["ops:a"]
    write_skill(tmp_path / "ops" / "skills" / "b")
    assert ids(found) == ["ops:a", "ops:b"]
    plugin(tmp_path / "ops", {"name": "new"})
    assert ids(found) == ["new:a", "new:b"]
    assert found.get("new:a").id == "new:a"


def test_a_plugin_need_not_bring_skills(tmp_path: Path) -> None:
    """It may be all agents and hooks."""
    (tmp_path / "ops" / "agents").mkdir(parents=True)
    found = plugin(tmp_path / "ops")
    assert (ids(found), codes(found)) == ([], [])


def test_a_directory_without_command_files_says_what_one_looks_like(tmp_path: Path) -> None:
    """Not a SKILL.md."""
    (note,) = Registry([commands(tmp_path)]).diagnostics
    assert (note.code, f"a Markdown file, such as {tmp_path}/my-command.md" in note.message) == ("no-skills", True)


def test_command_files_are_skills_called_by_their_path(tmp_path: Path) -> None:
    """Hidden files and other kinds are none. The frontmatter's name does not count, its description does."""
    location = commands(tmp_path / "commands", "a.md", "git/commit.md", ".hidden.md", "x.txt", "git/deep/er.md")
    (tmp_path / "commands" / "a.md").write_text("---\nname: Other\ndescription: D\n---\nText $1\n", encoding="utf-8")
    found = Registry([location])
    assert ids(found) == ["a", "git:commit", "git:deep:er"]
    (info, *_) = found.infos()
    assert (info.name, info.description, info.path.name, info.location) == ("a", "D", "a.md", "command")
    assert found.body(found.get("a")) == "Text $1"
    assert not [code for code in codes(found) if "name" in code]


def test_a_command_file_has_no_files_but_itself(tmp_path: Path) -> None:
    """What lies beside it are other commands."""
    found = Registry([commands(tmp_path, "a.md", "b.md", "sub/c.md")])
    assert found.list_files("a", recursive=True) == ["a.md"]
    assert found.read_file("a", "a.md") == "Do it.\n"
    with pytest.raises(WorkspaceError, match=r"a is a command file and has no files but a\.md"):
        found.read_file("a", "b.md")


def test_a_skill_wins_over_a_command_file_wherever_they_are(tmp_path: Path) -> None:
    """Even when the command files come first."""
    write_skill(tmp_path / "skills" / "deploy")
    location = commands(tmp_path / "commands", "deploy.md")
    found = Registry([location, Location(tmp_path / "skills")])
    assert (found.get("deploy").file, codes(found)) == ("SKILL.md", ["shadowed", "no-frontmatter"][:1])


def test_a_command_file_is_watched(tmp_path: Path) -> None:
    """Its text and its coming and going."""
    found = Registry([commands(tmp_path, "a.md")])
    assert ids(found) == ["a"]
    commands(tmp_path, "sub/b.md")
    assert ids(found) == ["a", "sub:b"]
    (tmp_path / "a.md").unlink()
    assert ids(found) == ["sub:b"]


def test_a_tree_is_searched_and_what_is_in_a_skill_belongs_to_it(tmp_path: Path) -> None:
    """Hidden directories and packages of Node.js are left out."""
    for name in ("a", "group/b", "group/deeper/c", "a/inner", ".hidden/d", "node_modules/e"):
        write_skill(tmp_path / name)
    found = tree(tmp_path)
    assert ids(found) == ["a", "b", "c"]
    assert found.get("c").root == tmp_path / "group" / "deeper" / "c"


def test_a_tree_leaves_out_what_git_does_below_its_first_level(tmp_path: Path) -> None:
    """Whoever names a directory wants what is in it, even where a tool has written `*` into its .gitignore."""
    for name in ("ignored", "group/kept", "group/build/x", "group/again/y", "group/sub/out/z"):
        write_skill(tmp_path / name)
    (tmp_path / ".gitignore").write_text("*\n", encoding="utf-8")
    (tmp_path / "group" / ".gitignore").write_text("!*\nbuild/\n!again/\n[\n", encoding="utf-8")
    (tmp_path / "group" / "sub" / ".gitignore").write_text("/out\n", encoding="utf-8")
    assert ids(tree(tmp_path)) == ["ignored", "kept", "y"]


def test_a_tree_follows_links_once_and_survives_loops(tmp_path: Path) -> None:
    """A directory that is reached twice is searched once."""
    write_skill(tmp_path / "tree" / "a")
    write_skill(tmp_path / "elsewhere" / "group" / "b")
    (tmp_path / "tree" / "up").symlink_to("..")
    (tmp_path / "tree" / "self").symlink_to(".")
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "elsewhere")
    found = tree(tmp_path / "tree")
    assert (ids(found), codes(found)) == (["a", "b"], [])


def test_a_tree_is_searched_to_a_depth_and_says_so(tmp_path: Path) -> None:
    """What lies deeper is named."""
    deep = tmp_path.joinpath(*"abcdefg")
    write_skill(deep.parent / "seen")
    write_skill(deep / "unseen")
    found = tree(tmp_path)
    assert len(deep.relative_to(tmp_path).parts) == MAX_DEPTH + 1
    assert ids(found) == []
    assert codes(found) == ["search-limit", "no-skills"]
    assert str(deep) in found.diagnostics[0].message


def test_a_tree_is_searched_up_to_a_number_of_directories_and_says_so(tmp_path: Path) -> None:
    """One hostile directory must not keep the host busy."""
    for number in range(MAX_DIRECTORIES + 5):
        (tmp_path / f"d{number:05}").mkdir()
    write_skill(tmp_path / "zzz")
    write_skill(tmp_path / "d00000")
    found = tree(tmp_path)
    assert (ids(found), codes(found)) == (["d00000"], ["search-limit"])
    assert "2,000 directories" in found.diagnostics[0].message


def test_two_skills_of_one_id_in_a_tree_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    """The first path wins, the other is reported."""
    write_skill(tmp_path / "a" / "deploy", "first")
    write_skill(tmp_path / "b" / "deploy", "second")
    found = tree(tmp_path)
    assert found.body(found.get("deploy")) == "first"
    assert [(note.code, note.path.parent.parent.name) for note in found.diagnostics] == [("shadowed", "b")]


def test_a_tree_is_watched(tmp_path: Path) -> None:
    """At every depth, a single skill too."""
    write_skill(tmp_path / "group" / "a")
    found = tree(tmp_path)
    assert ids(found) == ["a"]
    write_skill(tmp_path / "group" / "sub" / "b")
    assert ids(found) == ["a", "b"]
    (tmp_path / "group" / ".gitignore").write_text("sub/\n", encoding="utf-8")
    assert ids(found) == ["a"]
    write_skill(tmp_path / "group" / "a", fields="description: New")
    assert found.get("a").description == "New"
    (tmp_path / "group" / "a" / "SKILL.md").unlink()
    assert ids(found) == []
