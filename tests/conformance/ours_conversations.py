"""The adapter, third part: what a model and a user see of skills, and what calling one changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from openskills_core import AuditLog, HostPolicy, OpenSkillRuntime
from tests.conformance.corpus import Case, catalog_tree, write_tree
from tests.conformance.ours_texts import ScriptedShell, with_body

if TYPE_CHECKING:
    from pathlib import Path

    from openskills_core.tools import ToolResult


def catalogued(case: Case, root: Path) -> dict[str, Any]:
    """Observe what the model and the user are shown of skills."""
    (root / "skills").mkdir()
    write_tree(catalog_tree(case.input["skills"]), root / "skills")
    preset = case.input.get("preset", "claude-code")
    with OpenSkillRuntime([root / "skills"], preset=preset, audit=AuditLog(root / "audit.jsonl")) as runtime:
        tools = runtime.tools()
        if "budget" in case.input:
            tools = tools.select(catalog_budget=case.input["budget"])
        prompt = tools.render_prompt()
        names = re.findall(r"<name>(.*?)</name>", prompt)
        return {
            "text": prompt,
            "model": sorted(names),
            "order": names,
            "user": [skill.id for skill in runtime.list_skills() if skill.user_invocable],
            "entries": dict(re.findall(r"<name>([^<]*)</name>\s*<description>([^<]*)</description>", prompt)),
            "catalog": "<available_skills>" in prompt,
            "model-call": {
                name: "refused" if tools.call("activate_skill", {"skill": name}).is_error else "loaded"
                for name in case.input["skills"]
            },
        }


def activated_again(case: Case, root: Path) -> dict[str, Any]:
    """Observe how calls of a skill within one conversation are answered."""
    write_tree({"skills/demo/SKILL.md": with_body(case)}, root)
    with OpenSkillRuntime([root / "skills"], audit=AuditLog(root / "audit.jsonl")) as runtime:
        tools = runtime.tools().conversation("one")
        answers = [tools.call("activate_skill", {"skill": "demo", "arguments": said}) for said in case.input["calls"]]
    results = ["note" if (answer.data or {}).get("already_active") else "full" for answer in answers]
    return {"results": results}


def used_over_turns(case: Case, root: Path) -> dict[str, Any]:
    """Observe how one use of a tool is decided before and after a skill is called and a message is sent."""
    given = case.input
    tree = {"skills/demo/SKILL.md": ["---", "name: demo", "description: Says hello.", *given["skill"], "---", "Wave."]}
    write_tree(tree, root)
    # Commands are allowed from the start here, within the sandbox: a host that wants to be asked says so.
    policy = HostPolicy(ask=("Bash",))
    shell = ScriptedShell({}, ("", ""))
    uses = []
    with OpenSkillRuntime(
        [root / "skills"],
        policy=policy,
        sandbox=shell,
        audit=AuditLog(root / "audit.jsonl"),
        workspace_dir=root / "work",
    ) as runtime:
        tools = runtime.tools().conversation("one")
        for step in given["steps"]:
            if step == "call":
                assert not tools.call("activate_skill", {"skill": "demo"}).is_error
            elif step == "message":
                tools.next_turn()
            else:
                uses.append(_outcome(tools.call("run_command", {"command": given["use"]["detail"]})))
    return {"uses": uses}


def _outcome(result: ToolResult) -> str:
    if not result.is_error:
        return "allow"
    return "none" if "approve" in result.text else "deny"
