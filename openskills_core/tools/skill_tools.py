"""The tools that find, activate and read skills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core.catalog import described
from openskills_core.errors import InvalidSkillError
from openskills_core.tools.content import wrapped
from openskills_core.tools.memory import memories_of
from openskills_core.tools.reading import LIMIT, OFFSET, file_result
from openskills_core.tools.spec import ToolAnnotations, ToolResult
from openskills_core.tools.texts import MAX_ENTRIES, fitting, listing, named
from openskills_core.tools.tool import Tool, ToolContext
from openskills_core.unseen import one_line

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from openskills_core.models import ActivatedSkill, SkillInfo
    from openskills_core.tools.offer import Offer

SKILL = {"type": "string", "description": "Name of the skill, as listed."}


def _activate_skill(ctx: ToolContext, skill: str, arguments: str = "") -> ToolResult:
    return activation(ctx.offer, skill, arguments, cancel=ctx.cancel)


def activation(
    offer: Offer, skill_id: str, arguments: str, *, by_user: bool = False, cancel: threading.Event | None = None
) -> ToolResult:
    """Activate a skill and return its instructions, or a note when the model has them already."""
    active = offer.host.activate_skill(skill_id, arguments, cancel)
    text, is_cut = _wrapped(offer, active)
    data = _activation_data(active)
    if offer.memory is not None and offer.memory.activate(active, text, by_user=by_user):
        shown = one_line(skill_id)
        note = f"The skill {shown} is already active in this conversation; follow the instructions you have."
        return ToolResult(note, {**data, "already_active": True})
    return ToolResult(text, data, truncated=is_cut)


def preloaded(offer: Offer, skill_id: str) -> str:
    """Return the instructions of a skill that the host wants in the prompt, the same until its SKILL.md changes.

    Raises:
        SkillNotFoundError: there is no such skill.
        InvalidSkillError: it is for the user alone, or cannot be read.
    """
    skill = offer.skill_named(skill_id)
    if skill is not None and not skill.model_invocable:
        problem = f"{skill_id} has disable-model-invocation and cannot stand in a prompt: take it out of preload"
        raise InvalidSkillError(problem, culprit=skill_id)
    version = (skill and _stamp(skill.path), offer.selection)
    return memories_of(offer.host).preloaded(
        skill_id, version, lambda: _wrapped(offer, offer.host.activate_skill(skill_id))[0]
    )


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def _wrapped(offer: Offer, active: ActivatedSkill) -> tuple[str, bool]:
    names = {"list_files": offer.name_of("list_skill_files"), "read_file": offer.name_of("read_skill_file")}
    return wrapped(active, **names)


def _activation_data(active: ActivatedSkill) -> dict[str, object]:
    return {
        "skill": active.id,
        "name": active.name,
        "instructions": active.instructions,
        "skill_dir": str(active.skill_dir),
        "allowed_tools": list(active.allowed_tools),
        "disallowed_tools": list(active.disallowed_tools),
        "resources": list(active.resources),
        "missing": list(active.missing),
        "already_active": False,
    }


def _read_skill_file(ctx: ToolContext, skill: str, path: str, *, offset: int, limit: int) -> ToolResult:
    return file_result(path, ctx.host.read_skill_file(skill, path), offset, limit)


def _list_skill_files(ctx: ToolContext, skill: str, path: str | None = None) -> ToolResult:
    files = ctx.host.list_skill_files(skill, path or None, recursive=True)
    text, cut = listing([named(file) for file in files], MAX_ENTRIES, "name a folder in path to see fewer")
    return ToolResult(text or "[no files]", {"skill": skill, "files": files}, truncated=cut)


def _list_skills(ctx: ToolContext, query: str, *, limit: int, offset: int) -> ToolResult:
    found = [skill for skill in ctx.offer.skills if _matches(skill, query.lower().split())]
    lines = [f"{one_line(skill.id)}: {described(skill)}\n" for skill in found[offset - 1 : offset - 1 + limit]]
    lines = lines[: fitting(lines)]
    shown = found[offset - 1 : offset - 1 + len(lines)]
    following = offset + len(shown)
    more = following <= len(found)
    note = f"[{len(found)} skills match; continue with offset={following}]" if more else ""
    data = {
        "skills": [{"id": skill.id, "description": skill.description} for skill in shown],
        "total": len(found),
        "next_offset": following if more else None,
    }
    return ToolResult(("".join(lines) + note).rstrip("\n") or "[no skill matches]", data, truncated=more)


def _matches(skill: SkillInfo, words: list[str]) -> bool:
    text = f"{skill.id} {skill.name} {skill.description} {skill.when_to_use}".lower()
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
