"""The tools that find, activate and read skills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core.prompt import one_line
from openskills_core.tools.reading import LIMIT, OFFSET, file_result
from openskills_core.tools.spec import ToolAnnotations, ToolResult
from openskills_core.tools.texts import MAX_ENTRIES, head, listing, named
from openskills_core.tools.tool import Tool, Turn

if TYPE_CHECKING:
    from openskills_core.models import ActivatedSkill, SkillInfo

_MAX_RESOURCES = 100
SKILL = {"type": "string", "description": "Name of the skill, as listed."}


def _activate_skill(turn: Turn, skill: str, arguments: str = "") -> ToolResult:
    active = turn.host.activate_skill(skill, arguments)
    text = _content(active)
    data = _activation_data(active)
    if turn.memory is not None and turn.memory.is_repeated(text):
        note = f"The skill {skill} is already active in this conversation; follow the instructions you have."
        return ToolResult(note, {**data, "already_active": True})
    shown, cut = head(text, "read the rest with read_skill_file, path SKILL.md")
    return ToolResult(shown, data, truncated=cut)


def _content(active: ActivatedSkill) -> str:
    """The wrapper lets a framework that compacts a conversation recognise instructions and keep them."""
    parts = [
        f'<skill_content name="{active.id}">',
        active.instructions.strip("\n"),
        "",
        f"Skill directory: {named(str(active.skill_dir))}",
        "Relative paths in these instructions are relative to that directory.",
        *([f"Missing here: {', '.join(map(named, active.missing))}"] if active.missing else []),
        *_resources(active),
        "</skill_content>",
    ]
    return "\n".join(parts)


def _resources(active: ActivatedSkill) -> list[str]:
    names = [named(name) for name in active.resources]
    if not names:
        return []
    left_out = len(names) - _MAX_RESOURCES
    more = [f"[{left_out} more; list_skill_files shows them]"] if left_out > 0 else []
    return ["<skill_resources>", *names[:_MAX_RESOURCES], *more, "</skill_resources>"]


def _activation_data(active: ActivatedSkill) -> dict[str, object]:
    return {
        "skill": active.id,
        "name": active.name,
        "instructions": active.instructions,
        "skill_dir": str(active.skill_dir),
        "allowed_tools": list(active.allowed_tools),
        "resources": list(active.resources),
        "missing": list(active.missing),
        "already_active": False,
    }


def _read_skill_file(turn: Turn, skill: str, path: str, *, offset: int, limit: int) -> ToolResult:
    return file_result(path, turn.host.read_skill_file(skill, path), offset, limit)


def _list_skill_files(turn: Turn, skill: str, path: str | None = None) -> ToolResult:
    files = turn.host.list_skill_files(skill, path or None, recursive=True)
    text, cut = listing([named(file) for file in files], MAX_ENTRIES, "name a folder in path to see fewer")
    return ToolResult(text or "[no files]", {"skill": skill, "files": files}, truncated=cut)


def _list_skills(turn: Turn, query: str, *, limit: int, offset: int) -> ToolResult:
    found = [skill for skill in turn.skills if _matches(skill, query.lower().split())]
    shown = found[offset - 1 : offset - 1 + limit]
    lines = [f"{skill.id}: {one_line(skill.description)}" for skill in shown]
    following = offset + len(shown)
    more = following <= len(found)
    note = [f"[{len(found)} skills match; continue with offset={following}]"] if more else []
    data = {
        "skills": [{"id": skill.id, "description": skill.description} for skill in shown],
        "total": len(found),
        "next_offset": following if more else None,
    }
    return ToolResult("\n".join([*lines, *note]) or "[no skill matches]", data, truncated=more)


def _matches(skill: SkillInfo, words: list[str]) -> bool:
    text = f"{skill.id} {skill.name} {skill.description}".lower()
    return all(word in text for word in words)


SKILL_TOOLS = (
    Tool(
        name="activate_skill",
        group="skills",
        annotations=ToolAnnotations("Activate skill", read_only=True, idempotent=True),
        run=_activate_skill,
        properties={
            "skill": SKILL,
            "arguments": {
                "type": "string",
                "description": "Text to hand to the skill, such as a file name or a topic.",
            },
        },
        required=("skill",),
    ),
    Tool(
        name="read_skill_file",
        group="skills",
        annotations=ToolAnnotations("Read skill file", read_only=True, idempotent=True),
        run=_read_skill_file,
        properties={
            "skill": SKILL,
            "path": {"type": "string", "description": "Path of the file, relative to the skill's directory."},
            "offset": OFFSET,
            "limit": LIMIT,
        },
        required=("skill", "path"),
    ),
    Tool(
        name="list_skill_files",
        group="skills",
        annotations=ToolAnnotations("List skill files", read_only=True, idempotent=True),
        run=_list_skill_files,
        properties={
            "skill": SKILL,
            "path": {"type": "string", "description": "Folder within the skill; left out, all of the skill."},
        },
        required=("skill",),
    ),
    Tool(
        name="list_skills",
        group="skills",
        annotations=ToolAnnotations("List skills", read_only=True, idempotent=True),
        run=_list_skills,
        properties={
            "query": {
                "type": "string",
                "default": "",
                "description": "Words that must all occur in name or description.",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": 200,
                "default": 50,
                "description": "How many skills to return at most.",
            },
            "offset": {"type": "integer", "minimum": 1, "default": 1, "description": "First match to return, from 1."},
        },
    ),
)
