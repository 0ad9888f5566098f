"""Which tools are offered, under which names, and what selection and conversations change."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core import AuditLog, HostPolicy, OpenSkillRuntime
from tests.tools.cases import ALL_NAMES, make_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERYTHING = ALL_NAMES.split(", ")
WORKSPACE = ["read_file", "write_file", "edit_file", "list_files", "glob", "grep", "file_info"]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[OpenSkillRuntime]:
    """A runtime with two skills that models see."""
    with make_runtime(tmp_path) as runtime:
        yield runtime


def runtime_over(directory: Path, skills: dict[str, str], **options: Any) -> OpenSkillRuntime:
    """Return a runtime whose skills have these texts."""
    for name, text in skills.items():
        (directory / "skills" / name).mkdir(parents=True, exist_ok=True)
        (directory / "skills" / name / "SKILL.md").write_text(text)
    (directory / "skills").mkdir(exist_ok=True)
    audit = AuditLog(directory / "audit.jsonl")
    return OpenSkillRuntime.from_directory(
        directory / "skills", workspace_dir=directory / "workspace", audit=audit, **options
    )


def names(tools: Any) -> list[str]:
    """Return the names on offer."""
    return [spec.name for spec in tools]


def test_specs_fit_every_framework(runtime: OpenSkillRuntime) -> None:
    """Names, descriptions and schemas keep within what the strictest framework takes."""
    specs = list(runtime.tools())
    assert names(specs) == EVERYTHING
    for spec in specs:
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", spec.name)
        assert 80 < len(spec.description) <= 1024
        assert spec.parameters["additionalProperties"] is False
        assert set(spec.parameters["required"]) <= set(spec.parameters["properties"])
        assert all(schema["description"] for schema in spec.parameters["properties"].values())
    assert {spec.group for spec in specs} == {"skills", "workspace", "exec"}


def test_without_skills_there_are_no_skill_tools(tmp_path: Path) -> None:
    """An empty catalog leaves the workspace's tools, and a command has no skill to name."""
    with runtime_over(tmp_path, {}) as runtime:
        specs = {spec.name: spec for spec in runtime.tools()}
    assert list(specs) == ["run_command", *WORKSPACE]
    assert list(specs["run_command"].parameters["properties"]) == ["command", "timeout_seconds"]


def test_without_scripts_there_is_no_tool_to_run_them(tmp_path: Path) -> None:
    """A catalog of instructions offers no run_skill_script, until a script appears."""
    with runtime_over(tmp_path, {"notes": "---\nname: notes\ndescription: d\n---\nbody"}) as runtime:
        tools = runtime.tools()
        assert "run_skill_script" not in names(tools)
        assert tools.call("run_skill_script", {"skill": "notes", "script": "x.py"}).code == "unknown_tool"
        (tmp_path / "skills" / "notes" / "x.py").write_text("print(1)")
        assert "run_skill_script" in names(tools)


def test_skill_that_models_must_not_see_is_nowhere(runtime: OpenSkillRuntime) -> None:
    """A skill for people is in no schema, prompt or listing, and each tool refuses it without saying what it holds."""
    tools = runtime.tools()
    assert all("hidden" not in str(spec) for spec in tools)
    assert "hidden" not in tools.render_prompt()
    assert [skill.id for skill in tools.skills] == ["greet", "notes"]
    for name, arguments in (
        ("activate_skill", {}),
        ("read_skill_file", {"path": "SKILL.md"}),
        ("list_skill_files", {}),
        ("run_skill_script", {"script": "x.py"}),
        ("run_command", {"command": "cat $CLAUDE_SKILL_DIR/SKILL.md"}),
    ):
        result = tools.call(name, {"skill": "hidden", **arguments})
        assert (result.code, "Secret" in result.text) == ("permission-denied", False)
        assert "Do not carry out its steps in another way" in result.text


def test_skill_that_the_policy_denies_is_not_offered(tmp_path: Path) -> None:
    """A rule against one skill takes it out of the catalog, and a call is told the rule."""
    with make_runtime(tmp_path, policy=HostPolicy(deny=["Skill(greet)"])) as runtime:
        tools = runtime.tools()
        assert [skill.id for skill in tools.skills] == ["notes"]
        assert "greet" not in tools.render_prompt()
        result = tools.call("activate_skill", {"skill": "greet"})
        assert (result.code, "Skill(greet)" in result.text) == ("permission-denied", True)
        assert tools.call("run_skill_script", {"skill": "greet", "script": "scripts/greet.py"}).is_error


def described(number: int, text: str = "Does task {}.") -> dict[str, str]:
    """Return the texts of so many skills."""
    names = [f"skill-{n:04}" for n in range(number)]
    return {name: f"---\nname: {name}\ndescription: {text.format(n)}\n---\nx" for n, name in enumerate(names)}


def test_large_catalog_is_named_in_the_prompt_and_searched(tmp_path: Path) -> None:
    """Beyond 250 skills the schemas name none, list_skills finds them, and those for people stay hidden."""
    skills = described(260)
    skills["for-people"] = "---\nname: for-people\ndescription: Does task 5.\ndisable-model-invocation: true\n---\nx"
    with runtime_over(tmp_path, skills) as runtime:
        tools = runtime.tools(groups=["skills"])
        specs = {spec.name: spec for spec in tools}
        assert "enum" not in specs["activate_skill"].parameters["properties"]["skill"]
        assert tools.call("list_skills", {"query": "TASK 259"}).text == "skill-0259: Does task 259."
        page = tools.call("list_skills", {"limit": 2, "offset": 259})
        assert page.text == "skill-0258: Does task 258.\nskill-0259: Does task 259."
        first = tools.call("list_skills", {"limit": 1})
        assert first.text == "skill-0000: Does task 0.\n[260 skills match; continue with offset=2]"
        unknown = tools.call("activate_skill", {"skill": "skill-099"})
        assert unknown.code == "skill-not-found"
        assert "did you mean skill-" in unknown.text
        assert tools.call("activate_skill", {"skill": "for-people"}).code == "permission-denied"
        prompt = tools.render_prompt()
    assert [prompt.count(f"<name>{name}</name>") for name in skills] == [1] * 260 + [0]
    assert "not listed" not in prompt


def test_search_is_offered_when_descriptions_were_cut(tmp_path: Path) -> None:
    """A small catalog needs no search, until its descriptions go beyond the budget."""
    with runtime_over(tmp_path, described(20, "Does task {} " + "thoroughly " * 100)) as runtime:
        assert "list_skills" in names(runtime.tools())
        assert "list_skills" not in names(runtime.tools().select(catalog_budget=100_000))
        found = runtime.tools().call("list_skills", {"query": "task skill-0007"})
    assert found.text == "skill-0007: Does task 7 " + " ".join(["thoroughly"] * 100)


def test_list_of_skills_keeps_within_bounds(tmp_path: Path) -> None:
    """Two hundred long descriptions come in pages, and following the offsets shows each skill once."""
    with runtime_over(tmp_path, described(200, "Does task {} " + "thoroughly " * 300)) as runtime:
        ids, offset = [], 1
        while offset:
            page = runtime.tools().call("list_skills", {"limit": 200, "offset": offset})
            assert len(page.text) < 110_000
            assert page.data is not None
            ids += [skill["id"] for skill in page.data["skills"]]
            offset = page.data["next_offset"]
    assert ids == sorted(described(200))


def test_skill_with_an_odd_name_is_called_by_what_is_seen_of_it(tmp_path: Path) -> None:
    """An id with blanks or hidden characters is listed, and found, by the name that a model reads."""
    text = "---\ndescription: d\n---\nBody of {}.\n"
    with runtime_over(tmp_path, {"two  blanks": text.format("two"), "hid\u3164den": text.format("hidden")}) as runtime:
        tools = runtime.tools()
        (spec,) = [spec for spec in tools if spec.name == "activate_skill"]
        assert spec.parameters["properties"]["skill"]["enum"] == ["hidden", "two blanks"]
        assert "Body of two." in tools.call("activate_skill", {"skill": "two blanks"}).text
        assert "Body of hidden." in tools.call("activate_skill", {"skill": "hidden"}).text


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"include": ["glob", "activate_skill"]}, ["activate_skill", "glob"]),
        ({"exclude": ["run_command", *WORKSPACE]}, EVERYTHING[:4]),
        ({"groups": ["workspace"]}, WORKSPACE),
        ({"groups": ["exec"], "exclude": ["run_command"]}, ["run_skill_script"]),
        ({"include": [], "prefix": "x_"}, []),
        ({"include": ["grep"], "prefix": "sk_"}, ["sk_grep"]),
    ],
)
def test_selection_decides_what_is_offered(
    runtime: OpenSkillRuntime, selection: dict[str, Any], expected: list[str]
) -> None:
    """Names and groups can be wanted or not, and a prefix goes before each name."""
    assert names(runtime.tools(**selection)) == expected


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"include": ["reed_file"]}, r"include names unknown reed_file; known are activate_skill, .*list_skills"),
        ({"exclude": ["x", "y"]}, "exclude names unknown x, y; known are"),
        ({"groups": ["files"]}, "groups names unknown files; known are skills, workspace, exec"),
        ({"prefix": "a b"}, "prefix must be made of letters"),
    ],
)
def test_selection_of_what_is_not_there_is_refused(
    runtime: OpenSkillRuntime, selection: dict[str, Any], message: str
) -> None:
    """A misspelt name is an error that lists the right ones."""
    with pytest.raises(ValueError, match=message):
        runtime.tools(**selection)


def test_bare_string_is_no_selection(runtime: OpenSkillRuntime) -> None:
    """A string would iterate into letters, so it is refused."""
    with pytest.raises(TypeError, match="include must be a sequence of strings"):
        runtime.tools(include="read_file")


def test_tool_that_is_not_selected_does_not_exist(runtime: OpenSkillRuntime) -> None:
    """It is not run, not in the prompt and not in other tools' descriptions."""
    tools = runtime.tools(exclude=["run_command", "run_skill_script", "grep"], prefix="my_")
    result = tools.call("my_run_command", {"command": "touch ran"})
    assert (result.code, (runtime.workspace.root / "ran").exists()) == ("unknown_tool", False)
    everything = tools.render_prompt() + "".join(spec.description for spec in tools)
    assert not re.search(r"run_command|run_skill_script|grep", everything)
    assert "my_activate_skill" in everything
    assert tools.call("read_file", {"path": "plan.txt"}).code == "unknown_tool"
    assert tools.call("my_read_file", {"path": "plan.txt"}).text == "one\ntwo\nthree\n"


def test_narrower_selection_never_widens(runtime: OpenSkillRuntime) -> None:
    """What a ToolSet leaves out stays out, whatever is selected from it."""
    tools = runtime.tools(groups=["workspace"], exclude=["grep"], prefix="a_")
    assert names(tools.select(include=["grep", "glob", "run_command"])) == ["a_glob"]
    assert names(tools.select(include=["glob"], prefix="b_")) == ["b_glob"]


def test_scoped_tools_work_in_another_workspace(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """The selection goes along, the files do not."""
    tools = runtime.tools(groups=["workspace"]).scoped(workspace_dir=tmp_path / "alice")
    assert tools.call("write_file", {"path": "mine.txt", "content": "x"}).is_error is False
    assert (tmp_path / "alice" / "mine.txt").read_text() == "x"
    assert names(tools) == WORKSPACE
    assert tools.call("read_file", {"path": "plan.txt"}).code == "workspace"


def test_catalog_is_live(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """The same ToolSet sees a skill that was added or removed."""
    tools = runtime.tools()
    (tmp_path / "skills" / "late").mkdir()
    (tmp_path / "skills" / "late" / "SKILL.md").write_text("---\nname: late\ndescription: d\n---\nHere now.\n")
    assert "Here now." in tools.call("activate_skill", {"skill": "late"}).text
    shutil.rmtree(tmp_path / "skills" / "late")
    assert tools.call("activate_skill", {"skill": "late"}).code == "invalid_arguments"


@pytest.mark.parametrize(
    ("policy", "missing"),
    [
        (HostPolicy(deny=["Bash"]), ["run_command"]),
        (HostPolicy(deny=["Write"]), ["write_file", "edit_file"]),
        (HostPolicy(deny=["Read"]), ["read_skill_file", "list_skill_files", *WORKSPACE]),
        (HostPolicy(deny=["run_skill_script", "glob"]), ["run_skill_script", "glob"]),
        (HostPolicy(deny=["Bash(rm *)", "Read(secrets/**)"]), []),
    ],
)
def test_denied_tools_are_not_offered(tmp_path: Path, policy: HostPolicy, missing: list[str]) -> None:
    """A rule against a whole tool removes what it covers; a pattern removes nothing."""
    with make_runtime(tmp_path, policy=policy) as runtime:
        assert names(runtime.tools()) == [name for name in EVERYTHING if name not in missing]


def test_reading_a_file_brings_in_the_skills_beside_it(tmp_path: Path) -> None:
    """A nested directory of skills counts from the first use of a file there; its skills are not trusted."""
    nested = tmp_path / "workspace" / "apps" / "web" / ".claude" / "skills" / "deploy"
    nested.mkdir(parents=True)
    (nested / "SKILL.md").write_text("---\ndescription: Deploys the web app.\n---\nGo.\n", encoding="utf-8")
    (tmp_path / "workspace" / "apps" / "web" / "page.txt").write_text("hello", encoding="utf-8")
    project = tmp_path / "workspace"
    audit = AuditLog(tmp_path / "audit.jsonl")
    with OpenSkillRuntime(standard_locations=True, project_root=project, workspace_dir=project, audit=audit) as runtime:
        tools = runtime.tools()
        before = {skill.id for skill in tools.skills}
        assert not tools.call("read_file", {"path": "apps/web/page.txt"}).is_error
        assert {skill.id for skill in tools.skills} - before == {"deploy"}
