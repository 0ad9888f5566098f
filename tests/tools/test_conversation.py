"""What one conversation remembers: active skills, what a compaction drops, and what a turn withdraws and grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openskills_core import Approval, ApprovalRequest, AuditLog, HostPolicy, OpenSkillRuntime
from tests.tools.cases import make_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openskills_core import Conversation

NOTE = "The skill greet is already active in this conversation; follow the instructions you have."
STILL = "These skills were activated earlier in this conversation and are still active:"
GREET: dict[str, Any] = {"skill": "greet"}


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[OpenSkillRuntime]:
    """A runtime with two skills that models see."""
    with make_runtime(tmp_path) as runtime:
        yield runtime


def skill(tmp_path: Path, name: str, fields: str = "", body: str = "Steps.") -> None:
    """Write a further skill."""
    directory = tmp_path / "skills" / name
    directory.mkdir(parents=True)
    (directory / "SKILL.md").write_text(f"---\nname: {name}\ndescription: d\n{fields}---\n{body}\n")


def activate(conversation: Conversation, skill_id: str, arguments: str = "") -> str:
    """Let the model activate a skill and return what it is told."""
    return conversation.call("activate_skill", {"skill": skill_id, "arguments": arguments}).text


def names(tools: Any) -> list[str]:
    """Return the names on offer."""
    return [spec.name for spec in tools]


def test_second_activation_is_a_note(runtime: OpenSkillRuntime) -> None:
    """Instructions are sent once per conversation; without one nothing is remembered."""
    tools = runtime.tools()
    first, second = (tools.conversation("c1").call("activate_skill", GREET) for _ in range(2))
    assert first.text.startswith('<skill_content name="greet">')
    assert second.text == NOTE
    assert second.data is not None
    assert second.data["already_active"] is True
    assert tools.conversation("c2").call("activate_skill", GREET).text == first.text
    assert tools.call("activate_skill", GREET).text == first.text


def test_other_rendering_is_sent_again(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """Other arguments or an edited skill make another text; going back to the first one makes another again."""
    tools = runtime.tools().conversation("c1")
    plain = activate(tools, "greet")
    assert "ARGUMENTS: Ada" in activate(tools, "greet", "Ada")
    assert activate(tools, "greet") == plain
    assert activate(tools, "greet") == NOTE
    (tmp_path / "skills" / "greet" / "SKILL.md").write_text("---\nname: greet\ndescription: d\n---\nNew steps.\n")
    assert "New steps." in activate(tools, "greet")


def test_an_id_means_one_conversation_of_a_host(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """Every ToolSet of a runtime knows it; another scope and another runtime do not."""
    activate(runtime.tools().conversation("c1"), "greet")
    assert activate(runtime.tools(groups=["skills"]).conversation("c1"), "greet") == NOTE
    assert activate(runtime.tools().conversation("c1").select(exclude=["grep"]), "greet") == NOTE
    alice = runtime.scoped(workspace_dir=tmp_path / "alice")
    assert activate(alice.tools().conversation("c1"), "greet").startswith("<skill_content")
    assert (
        runtime.tools()
        .conversation("c1")
        .scoped(workspace_dir=tmp_path / "bob")
        .call("activate_skill", GREET)
        .text.startswith("<skill_content")
    )


def test_active_skills_are_told_the_latest_first(runtime: OpenSkillRuntime) -> None:
    """Each with the text of its last activation, which a repetition makes the latest."""
    tools = runtime.tools().conversation("c1")
    greet, notes = activate(tools, "greet", "Ada"), activate(tools, "notes")
    assert [(active.id, active.text) for active in tools.active_skills] == [("notes", notes), ("greet", greet)]
    activate(tools, "greet", "Ada")
    assert [active.id for active in tools.active_skills] == ["greet", "notes"]


def test_after_a_compaction_what_is_missing_is_attached(runtime: OpenSkillRuntime) -> None:
    """What is still there is not repeated; what was attached in whole counts as active."""
    tools = runtime.tools().conversation("c1")
    greet, notes = activate(tools, "greet"), activate(tools, "notes")
    assert tools.reattach([greet, f"before\n{notes}\nafter"]) == ""
    assert tools.reattach(["A summary.", greet]) == f"{STILL}\n\n{notes}"
    assert tools.reattach() == f"{STILL}\n\n{notes}\n\n{greet}" == tools.reattach()
    assert tools.reattach([tools.reattach()]) == ""
    assert activate(tools, "greet") == NOTE
    assert runtime.tools().conversation("unused").reattach() == ""


def test_what_is_attached_has_a_budget(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """20,000 characters of each and 100,000 of all, the latest first; what was cut is given in full when asked for."""
    bodies = {f"long-{number}": f"step {number}\n" * 5_000 for number in range(7)}
    for name, body in bodies.items():
        skill(tmp_path, name, body=body)
    tools = runtime.tools().conversation("c1")
    whole = {name: activate(tools, name) for name in bodies}
    attached = tools.reattach(["A summary."])
    parts = attached.split("\n\n<skill_content ")
    assert [part[6:12] for part in parts[1:]] == [f"long-{number}" for number in (6, 5, 4, 3, 2)]
    assert all(len(part) < 20_200 for part in parts)
    assert attached.count("more characters; to read them call activate_skill again]\n\nSkill directory: ") == 5
    assert len(attached) < 101_000
    assert activate(tools, "long-6") == whole["long-6"]
    assert activate(tools, "long-0") == whole["long-0"]
    assert activate(tools, "long-6").endswith("follow the instructions you have.")


def test_the_rest_of_a_skill_for_people_is_read_not_activated(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """The note of what was cut names a tool that the model may use for it."""
    skill(tmp_path, "long", "disable-model-invocation: true\n", body="step\n" * 5_000)
    tools = runtime.tools().conversation("c1")
    tools.activate("long")
    assert "more characters; read the rest with read_skill_file, path SKILL.md]" in tools.reattach()
    assert "more characters; dropped to save space]" in tools.select(include=["activate_skill"]).reattach()


def test_what_is_forgotten_is_sent_again(runtime: OpenSkillRuntime) -> None:
    """A host that drops messages without attaching anything says so, for one skill or for all."""
    tools = runtime.tools().conversation("c1")
    activate(tools, "greet")
    activate(tools, "notes")
    tools.forget("greet", "never-there")
    assert [active.id for active in tools.active_skills] == ["notes"]
    assert activate(tools, "greet").startswith("<skill_content")
    tools.forget()
    assert not tools.active_skills


def test_a_conversation_can_be_taken_up_in_another_process(runtime: OpenSkillRuntime) -> None:
    """The texts of earlier results tell what is active; what is known already is not overwritten."""
    first = runtime.tools().conversation("c1")
    old, new, notes = activate(first, "greet"), activate(first, "greet", "Ada"), activate(first, "notes")
    tools = runtime.tools().conversation("c2")
    tools.recall([old, "other text", new, notes])
    assert [(active.id, active.text) for active in tools.active_skills] == [("notes", notes), ("greet", new)]
    assert activate(tools, "greet", "Ada") == NOTE
    tools.recall([old])
    assert tools.active_skills[0].text == new


def test_texts_cannot_start_what_only_the_user_may(runtime: OpenSkillRuntime) -> None:
    """A result that looks like a skill for people opens none of its files, unless the host says the user started it."""
    text = runtime.tools().activate("hidden").text
    tools = runtime.tools().conversation("c1")
    tools.recall([text, '<skill_content name="never-there">\nx\n</skill_content>'])
    assert not tools.active_skills
    tools.recall([text], by_user=True)
    assert [active.id for active in tools.active_skills] == ["hidden"]
    assert tools.call("read_skill_file", {"skill": "hidden", "path": "SKILL.md"}).is_error is False


def test_an_id_is_text(runtime: OpenSkillRuntime) -> None:
    """Without an id everybody would share one conversation."""
    missing: Any = None
    with pytest.raises(TypeError, match="a conversation's id must be a string, got None"):
        runtime.tools().conversation(missing)


def test_user_can_start_what_a_model_may_not(runtime: OpenSkillRuntime) -> None:
    """In that conversation, and no other, the skill's files can be read; starting it stays with the user."""
    tools = runtime.tools().conversation("c1")
    started = tools.activate("hidden")
    assert started.text.startswith('<skill_content name="hidden">\nSecret steps.')
    assert tools.call("read_skill_file", {"skill": "hidden", "path": "SKILL.md"}).is_error is False
    assert tools.call("activate_skill", {"skill": "hidden"}).code == "permission-denied"
    assert "hidden" not in tools.render_prompt()
    (read,) = [spec for spec in tools if spec.name == "read_skill_file"]
    assert read.parameters["properties"]["skill"]["enum"] == ["greet", "hidden", "notes"]
    other = runtime.tools().conversation("c2")
    assert other.call("read_skill_file", {"skill": "hidden", "path": "SKILL.md"}).code == "permission-denied"


def test_starting_a_skill_that_is_not_there_is_a_result(runtime: OpenSkillRuntime) -> None:
    """What goes wrong for the user is told, never raised."""
    result = runtime.tools().conversation("c1").activate("great")
    assert (result.is_error, result.code, "greet" in result.text) == (True, "skill-not-found", True)


def test_disallowed_tools_are_withdrawn_until_the_next_turn(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """They are not offered, not in the prompt, and a call is told which skill and field; other conversations go on."""
    skill(tmp_path, "careful", "disallowed-tools: Bash, Write\n")
    tools = runtime.tools().conversation("c1")
    activate(tools, "careful")
    assert {"run_command", "run_skill_script", "write_file", "edit_file"} & set(names(tools)) == set()
    assert "run_skill_script" not in tools.render_prompt()
    refused = tools.call("write_file", {"path": "made.txt", "content": "x"})
    assert (refused.is_error, refused.code) == (True, "permission-denied")
    assert refused.text == (
        "write_file is not available for this: the active skill careful lists Write in its disallowed-tools. "
        "Go on without it; it is back after the user's next message."
    )
    assert tools.call("run_command", {"command": "touch made.txt"}).code == "permission-denied"
    assert not (runtime.workspace.root / "made.txt").exists()
    assert names(runtime.tools().conversation("c2")) == names(runtime.tools())
    tools.next_turn()
    assert names(tools) == names(runtime.tools())
    assert tools.call("write_file", {"path": "made.txt", "content": "x"}).is_error is False


def test_a_pattern_withdraws_only_what_it_matches(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """The tool stays on offer; the commands and files that are named are refused, in searches too."""
    skill(tmp_path, "careful", "disallowed-tools: Bash(rm *) Read(data/**)\n")
    tools = runtime.tools().conversation("c1")
    activate(tools, "careful")
    assert names(tools) == names(runtime.tools())
    assert "careful lists Bash(rm *)" in tools.call("run_command", {"command": "echo x; rm plan.txt"}).text
    (record,) = runtime.audit.records()
    assert (record["status"], record["target"]) == ("denied", "echo x; rm plan.txt")
    assert tools.call("run_command", {"command": "cat plan.txt"}).is_error is False
    assert tools.call("read_file", {"path": "data/a.csv"}).code == "permission-denied"
    assert tools.call("grep", {"pattern": "x,y"}).text == "[no match]"


def test_a_skill_that_withdraws_everything_says_so(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """Even then each call is told why, and the next turn has all tools."""
    skill(tmp_path, "mute", "disallowed-tools: Bash Read Write Skill list_skills\n")
    tools = runtime.tools().conversation("c1")
    activate(tools, "mute")
    assert (names(tools), tools.render_prompt()) == ([], "")
    for name, arguments in (("activate_skill", GREET), ("read_file", {"path": "x"}), ("run_command", {"command": "x"})):
        assert "the active skill mute lists " in tools.call(name, arguments).text
    tools.next_turn()
    assert names(tools) == names(runtime.tools())


def test_allowed_tools_answer_questions_in_the_turn(tmp_path: Path) -> None:
    """For the rest of the turn nobody is asked about what the skill declares; then the question is back."""
    asked: list[str] = []

    def approve(request: ApprovalRequest) -> Approval:
        asked.append(request.detail)
        return Approval.DENY

    skill(tmp_path, "writer", "allowed-tools: Edit(drafts/*)\n")
    with make_runtime(tmp_path, policy=HostPolicy(ask=["Write"]), approve=approve) as runtime:
        tools = runtime.tools().conversation("c1")
        draft: dict[str, Any] = {"path": "drafts/a.md", "content": "x"}
        assert tools.call("write_file", draft).code == "permission-denied"
        activate(tools, "writer")
        assert tools.call("write_file", draft).is_error is False
        assert tools.call("write_file", {"path": "plan.txt", "content": "x"}).is_error is True
        assert runtime.tools().conversation("c2").call("write_file", draft).is_error is True
        tools.next_turn()
        assert tools.call("write_file", draft).is_error is True
        activate(tools, "writer")
        assert tools.call("write_file", draft).is_error is False
    assert asked == ["drafts/a.md", "plan.txt", "drafts/a.md", "drafts/a.md"]


def test_allowed_commands_run_on_behalf_of_the_skill(tmp_path: Path) -> None:
    """Nobody is asked about them in the turn, and the audit log says whose declaration it was."""
    skill(tmp_path, "lister", "allowed-tools: Bash(ls *)\n")
    with make_runtime(tmp_path, policy=HostPolicy(ask=["Bash"])) as runtime:
        tools = runtime.tools().conversation("c1")
        assert tools.call("run_command", {"command": "ls data"}).code == "permission-denied"
        activate(tools, "lister")
        assert tools.call("run_command", {"command": "ls data"}).text == "exit code 0\nstdout:\na.csv"
        assert tools.call("run_command", {"command": "ls data; rm plan.txt"}).code == "permission-denied"
        tools.next_turn()
        assert tools.call("run_command", {"command": "ls data"}).code == "permission-denied"
        records = list(runtime.audit.records())
    assert [record["skill_id"] for record in records] == ["", "lister", "", ""]
    assert records[1]["decisions"][0]["rule"] == "allowed-tools: Bash(ls *)"


@pytest.mark.parametrize(
    "policy",
    [HostPolicy(ask=["Write"], deny=["Edit(drafts/*)"]), HostPolicy(ask=["Write"], trust_skill_allowed_tools=False)],
    ids=["denied", "not trusted"],
)
def test_allowed_tools_answer_nothing_else(tmp_path: Path, policy: HostPolicy) -> None:
    """A denial stays one, and a host that does not trust declarations is still asked."""
    skill(tmp_path, "writer", "allowed-tools: Write\n")
    with make_runtime(tmp_path, policy=policy) as runtime:
        tools = runtime.tools().conversation("c1")
        activate(tools, "writer")
        assert tools.call("write_file", {"path": "drafts/a.md", "content": "x"}).code == "permission-denied"


def test_a_granted_tool_needs_no_approval_in_the_turn(tmp_path: Path) -> None:
    """Frameworks that ask before a call are told not to, as long as the grant covers the whole tool."""
    skill(tmp_path, "writer", "allowed-tools: Write\n")
    with make_runtime(tmp_path, policy=HostPolicy(ask=["Write"])) as runtime:
        tools = runtime.tools().conversation("c1")
        before = {spec.name for spec in tools if spec.requires_approval}
        activate(tools, "writer")
        after = {spec.name for spec in tools if spec.requires_approval}
    assert (before, after) == ({"write_file", "edit_file"}, set())


def test_a_named_turn_is_ended_by_another_name(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """Naming it again changes nothing, and what the user started just before a new one belongs to that one."""
    skill(tmp_path, "careful", "disallowed-tools: Write\n")
    tools = runtime.tools().conversation("c1")
    tools.next_turn("m1")
    activate(tools, "careful")
    tools.next_turn("m1")
    assert "write_file" not in names(tools)
    tools.next_turn("m2")
    assert "write_file" in names(tools)
    tools.activate("careful")
    for marker in ("m3", "m3"):
        tools.next_turn(marker)
        assert "write_file" not in names(tools)
    tools.next_turn("m4")
    assert "write_file" in names(tools)
    tools.activate("careful")
    tools.next_turn()
    assert "write_file" in names(tools)


def test_a_thousand_conversations_are_remembered(tmp_path: Path) -> None:
    """The one unused for longest is forgotten first."""
    audit = AuditLog(tmp_path / "audit.jsonl")
    skill(tmp_path, "one")
    with OpenSkillRuntime.from_directory(tmp_path / "skills", audit=audit) as runtime:
        tools = runtime.tools()
        for number in range(1_000):
            activate(tools.conversation(str(number)), "one")
        tools.conversation("0")
        tools.conversation("new")
        assert len(tools.conversation("0").active_skills) == 1
        assert not tools.conversation("1").active_skills


def test_a_command_that_fails_in_a_skill_is_a_result(tmp_path: Path) -> None:
    """There are no instructions then, nothing counts as active, and the model is told what failed."""
    skill(tmp_path, "live", body="!`echo broken >&2; exit 3`")
    with make_runtime(tmp_path, policy=HostPolicy(dynamic_context=True)) as runtime:
        tools = runtime.tools().conversation("c1")
        for result in (tools.call("activate_skill", {"skill": "live"}), tools.activate("live")):
            assert (result.is_error, result.code, "broken" in result.text) == (True, "dynamic-context", True)
        assert not tools.active_skills


def test_a_skill_whose_commands_print_something_else_is_given_again(tmp_path: Path) -> None:
    """The same call can give another text; only the same text is a repetition."""
    skill(tmp_path, "live", body="!`cat plan.txt`")
    with make_runtime(tmp_path, policy=HostPolicy(dynamic_context=True)) as runtime:
        tools = runtime.tools().conversation("c1")
        assert "one\ntwo\nthree" in activate(tools, "live")
        assert activate(tools, "live").endswith("follow the instructions you have.")
        runtime.workspace.write_text("plan.txt", "four\n")
        assert "\nfour\n" in activate(tools, "live")
