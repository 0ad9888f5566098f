"""What a host may pass to the constructor, and what it is told when it passes something else."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core import HostPolicy, OpenSkillRuntime, SkillNotFoundError
from openskills_core.registry import Location, Reload
from openskills_core.registry.reader import MIN_INDEXED
from tests.registry.places import write_skill, write_skills

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"policy": {}}, r"policy must be a HostPolicy, not \{\}: write policy=HostPolicy\("),
        ({"limits": {"timeout_ms": 5}}, r"limits must be a Limits, not .*: write limits=Limits\(timeout_ms="),
        ({"audit": "x.jsonl"}, r"audit must be an AuditLog, not 'x.jsonl': write audit=AuditLog\('x.jsonl'\)"),
        ({"audit": Path("x.jsonl")}, r"write audit=AuditLog\('x.jsonl'\)"),
        ({"audit": 3}, r"audit must be an AuditLog, not 3: write audit=AuditLog\('audit.jsonl'\)"),
        ({"approve": True}, "approve must be a function of one ApprovalRequest, not True"),
        ({"workspace_dir": 3}, 'workspace_dir must be a path such as "./workspace_dir", not 3'),
        ({"project_root": b"x"}, "project_root must be a path"),
        ({"cache_dir": ["x"]}, "cache_dir must be a path"),
        ({"python": 3}, "python must be a path"),
        ({"skill_dirs": "x"}, r"skill_dirs must be a sequence of directories, not one: write \['x'\]"),
        ({"skill_dirs": Path("x")}, r"write \['x'\]"),
        ({"skill_dirs": b"x"}, r"must be a sequence of directories, not one: write \[b'x'\]"),
        ({"skill_dirs": Location(Path("x"))}, "must be a sequence of directories, not one"),
        ({"skill_dirs": [None]}, 'skill_dirs must be a path such as "./skill_dirs", not None'),
        ({"skill_dirs": 3}, "skill_dirs must be a sequence of directories, not 3"),
        ({"prompt_dirs": "x"}, "prompt_dirs must be a sequence of directories, not one"),
    ],
)
def test_an_option_of_another_class_is_one_clear_sentence(options: dict[str, Any], told: str) -> None:
    """It names the option and what to write instead, before anything is made."""
    with pytest.raises(TypeError, match=told):
        OpenSkillRuntime(**options)


@pytest.mark.parametrize("directory", [None, 3, b"x", ["x"]])
def test_a_directory_must_be_a_path(directory: Any) -> None:
    """The classical mistake is an environment variable that is not set."""
    with pytest.raises(TypeError, match="directory must be a path"):
        OpenSkillRuntime.from_directory(directory)


@pytest.mark.parametrize("options", [{"skill_dirs": [""]}, {"workspace_dir": ""}, {"cache_dir": ""}])
def test_an_empty_path_does_not_mean_the_current_directory(options: dict[str, Any]) -> None:
    """Nobody means that by an empty text."""
    with pytest.raises(ValueError, match=r'is an empty path: write "\." for the current directory'):
        OpenSkillRuntime(**options)


@pytest.mark.parametrize("options", [{"policy": {}}, {"limits": 3}, {"approve": "yes"}, {"workspace_dir": 3}])
def test_a_view_takes_no_less_care(runtime: OpenSkillRuntime, options: dict[str, Any]) -> None:
    """The same sentences."""
    with pytest.raises(TypeError, match=f"{next(iter(options))} must be"):
        runtime.scoped(**options)


def test_a_misspelt_directory_is_not_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is in the log once, in the diagnostics, and in the error of whoever asks for a skill."""
    directory = tmp_path / "skils"
    with caplog.at_level(logging.WARNING, "openskills"), OpenSkillRuntime.from_directory(directory) as runtime:
        assert runtime.list_skills() == runtime.discover_skills() == []
        with pytest.raises(SkillNotFoundError, match=f"there is no directory {directory}"):
            runtime.activate_skill("one")
    assert [record.getMessage() for record in caplog.records] == [
        f"there is no directory {directory}: create it, or pass the directory that holds your skills"
    ]
    assert [note.code for note in runtime.diagnostics] == ["no-such-directory"]


def test_locations_and_paths_may_stand_side_by_side(tmp_path: Path) -> None:
    """The earlier one wins; a plugin's skills have ids of their own."""
    write_skill(tmp_path / "plain" / "deploy", fields="description: plain")
    write_skill(tmp_path / "ops" / "skills" / "deploy", fields="description: plugin")
    places: list[Location | str] = [Location(tmp_path / "ops", "plugin", kind="plugin"), str(tmp_path / "plain")]
    with OpenSkillRuntime(places) as runtime:
        found = {skill.id: (skill.description, skill.location) for skill in runtime.list_skills()}
    assert found == {"deploy": ("plain", "custom"), "ops:deploy": ("plugin", "plugin")}


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In `skill_dirs` as anywhere else."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write_skill(tmp_path / "mine" / "one")
    with OpenSkillRuntime.from_directory("~/mine") as runtime:
        assert [skill.id for skill in runtime.list_skills()] == ["one"]


def test_a_host_is_told_of_reloads_through_any_view(
    make_runtime: Callable[..., OpenSkillRuntime], make_skill: Callable[..., Path]
) -> None:
    """All views share the skills."""
    runtime, heard = make_runtime(), list[Reload]()
    stop = runtime.on_reload(heard.append)
    runtime.list_skills()
    make_skill("one")
    runtime.scoped().list_skills()
    stop()
    make_skill("two")
    runtime.list_skills()
    assert heard == [Reload(added=("one",))]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough skills for an index."""
    folder = write_skills(tmp_path / "many", MIN_INDEXED)
    time.sleep(0.15)
    return folder


def kept(cache: Path) -> list[str]:
    """Return the names of the indexes in a cache directory."""
    return [path.name for path in cache.rglob("*.index")]


def test_an_index_is_kept_in_the_users_cache(many: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where XDG says, or where the host says."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    OpenSkillRuntime.from_directory(many).list_skills()
    OpenSkillRuntime.from_directory(many, cache_dir=tmp_path / "own").list_skills()
    assert len(kept(tmp_path / "xdg" / "openskills")) == len(kept(tmp_path / "own")) == 1


@pytest.mark.parametrize("value", ["", "relative"])
def test_a_cache_home_that_is_no_absolute_path_does_not_count(
    many: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    """As the XDG Base Directory Specification demands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    OpenSkillRuntime.from_directory(many).list_skills()
    assert len(kept(tmp_path / "home" / ".cache" / "openskills")) == 1


@pytest.mark.parametrize("way", ["workspace", "policy", "link"])
def test_a_cache_that_scripts_may_write_to_is_refused(tmp_path: Path, way: str) -> None:
    """What they write there would be believed by the next process."""
    open_place = tmp_path / "open"
    open_place.mkdir()
    (tmp_path / "link").symlink_to(open_place)
    options: dict[str, Any] = {"workspace_dir": open_place}
    if way == "policy":
        options = {"policy": HostPolicy(write_paths=[str(open_place)])}
    cache = (tmp_path / "link" if way == "link" else open_place) / "cache"
    with pytest.raises(ValueError, match=f"cache_dir {cache} lies where scripts may write"):
        OpenSkillRuntime(cache_dir=cache, **options)


def test_the_users_cache_is_not_used_where_scripts_may_write_to_it(
    many: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither from the beginning nor from the first view on whose scripts may."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "open" / "cache"))
    cache = tmp_path / "open" / "cache" / "openskills"
    with OpenSkillRuntime.from_directory(many, workspace_dir=tmp_path / "open") as runtime:
        runtime.list_skills()
        assert kept(cache) == []
    with OpenSkillRuntime.from_directory(many, workspace_dir=tmp_path / "other") as runtime:
        runtime.list_skills()
        assert len(kept(cache)) == 1
        runtime.scoped(workspace_dir=tmp_path / "open")
        shutil.rmtree(cache)
        write_skills(many, MIN_INDEXED)
        time.sleep(0.15)
        runtime.discover_skills()
        assert kept(cache) == []


def test_a_skill_that_is_not_trusted_approves_nothing(tmp_path: Path) -> None:
    """The same declaration in two places: only the trusted one answers the policy's "ask"."""
    for place in ("own", "strange"):
        write_skill(tmp_path / place / place, fields="description: D\nallowed-tools: Bash(ls *)")
    places = [Location(tmp_path / "own"), Location(tmp_path / "strange", trusted=False)]
    with OpenSkillRuntime(places, policy=HostPolicy(ask=["Bash"])) as runtime:
        outcomes = [runtime.check_tool(skill_id, "Bash", "ls -l").outcome for skill_id in ("own", "strange")]
    assert outcomes == ["allow", "ask"]


@pytest.mark.parametrize(("workspace", "found"), [(".", ("style",)), ("ws/alice", ())])
def test_a_scope_whose_workspace_is_inside_the_project_brings_no_skills_to_the_others(
    tmp_path: Path, workspace: str, found: tuple[str, ...]
) -> None:
    """All scopes share what is found in the project; a workspace further down is one user's alone."""
    place = tmp_path / workspace
    write_skill(place / "web" / ".claude" / "skills" / "style")
    with OpenSkillRuntime(standard_locations=True, project_root=tmp_path, workspace_dir=tmp_path / "own") as runtime:
        alice = runtime.scoped(workspace_dir=place)
        assert alice.visit("web/index.html") == found
        assert [skill.id for skill in runtime.list_skills()] == list(found)
