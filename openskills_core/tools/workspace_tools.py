"""The tools for the files in the workspace. They and the scripts see the same directory."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from openskills_core.tools.reading import LIMIT, OFFSET, file_result
from openskills_core.tools.spec import ToolAnnotations, ToolResult
from openskills_core.tools.texts import MAX_ENTRIES, counted, listing, named
from openskills_core.tools.tool import Tool, ToolContext

if TYPE_CHECKING:
    from openskills_core.search import GrepMatch

_PATH = {"type": "string", "description": "Path of the file, relative to the workspace."}
_FOLDER = {"type": "string", "default": ".", "description": "Folder to look in; left out, the whole workspace."}
_READING = {"read_only": True, "idempotent": True}


def _read_file(ctx: ToolContext, path: str, offset: int, limit: int) -> ToolResult:
    text = ctx.host.workspace.read_text(path)
    ctx.host.visit(path)
    return file_result(path, text, offset, limit)


def _write_file(ctx: ToolContext, path: str, content: str) -> ToolResult:
    size = ctx.host.workspace.write_text(path, content)
    ctx.host.visit(path)
    return ToolResult(f"Wrote {named(path)} ({counted(size, 'byte')}).", {"path": path, "size": size})


def _edit_file(ctx: ToolContext, path: str, old_string: str, new_string: str, *, replace_all: bool) -> ToolResult:
    places = ctx.host.workspace.edit(path, old_string, new_string, replace_all)
    ctx.host.visit(path)
    return ToolResult(f"Changed {counted(places, 'place')} in {named(path)}.", {"path": path, "replacements": places})


def _list_files(ctx: ToolContext, path: str) -> ToolResult:
    entries = ctx.host.workspace.list(path)
    text, cut = listing([named(entry) for entry in entries], MAX_ENTRIES, "list a folder beneath it, or search by name")
    return ToolResult(text or "[the folder is empty]", {"path": path, "entries": entries}, truncated=cut)


def _glob(ctx: ToolContext, pattern: str, path: str) -> ToolResult:
    files = ctx.host.workspace.glob(pattern, path)
    text, cut = listing([named(file) for file in files], MAX_ENTRIES, "narrow the pattern or the path")
    return ToolResult(text or "[no file matches]", {"pattern": pattern, "files": files}, truncated=cut)


def _grep(
    ctx: ToolContext,
    pattern: str,
    path: str,
    *,
    ignore_case: bool,
    context: int,
    limit: int,
    glob: str | None = None,
) -> ToolResult:
    found = ctx.host.workspace.grep(pattern, path, glob=glob, ignore_case=ignore_case, context=context, limit=limit)
    # A rule such as Read(secrets/**) must hold for what a search shows, too.
    matches = [match for match in found.matches if ctx.allows("grep", match.path)]
    text, cut = listing([_shown(match) for match in matches], len(matches), "narrow the pattern or the path")
    note = f"[{found.note or 'there are more matches'}]" if found.truncated else ""
    return ToolResult(
        "\n".join(part for part in (text, note) if part) or "[no match]",
        {"matches": [asdict(match) for match in matches], "truncated": found.truncated},
        truncated=cut or found.truncated,
    )


def _shown(match: GrepMatch) -> str:
    """One match as grep prints it: `:` marks the line that matches, `-` the lines around it."""
    path, first = named(match.path), match.line - len(match.before)
    before = [f"{path}-{first + place}- {line}" for place, line in enumerate(match.before)]
    after = [f"{path}-{match.line + 1 + place}- {line}" for place, line in enumerate(match.after)]
    lines = [*before, f"{path}:{match.line}: {match.text}", *after]
    # A carriage return would be shown as the end of a line, and what follows it as a match of its own.
    return "\n".join(line.replace("\r", " ") for line in lines)


def _file_info(ctx: ToolContext, path: str) -> ToolResult:
    info = ctx.host.workspace.info(path)
    facts: list[str] = [info.kind]
    if info.kind == "file":
        facts += [counted(info.size, "byte"), info.mime_type]
    if info.lines is not None:
        facts.append(counted(info.lines, "line"))
    return ToolResult(f"{named(info.path)}: {', '.join(facts)}", asdict(info))


WORKSPACE_TOOLS = (
    Tool(
        name="read_file",
        group="workspace",
        annotations=ToolAnnotations("Read file", **_READING),
        run=_read_file,
        properties={"path": _PATH, "offset": OFFSET, "limit": LIMIT},
        required=("path",),
    ),
    Tool(
        name="write_file",
        group="workspace",
        annotations=ToolAnnotations("Write file", destructive=True, idempotent=True),
        run=_write_file,
        properties={"path": _PATH, "content": {"type": "string", "description": "The whole text of the file."}},
        required=("path", "content"),
    ),
    Tool(
        name="edit_file",
        group="workspace",
        annotations=ToolAnnotations("Edit file", destructive=True),
        run=_edit_file,
        properties={
            "path": _PATH,
            "old_string": {"type": "string", "description": "Text to replace, exactly as it is in the file."},
            "new_string": {"type": "string", "description": "Text to put in its place."},
            "replace_all": {"type": "boolean", "default": False, "description": "Replace every occurrence."},
        },
        required=("path", "old_string", "new_string"),
    ),
    Tool(
        name="list_files",
        group="workspace",
        annotations=ToolAnnotations("List files", **_READING),
        run=_list_files,
        properties={"path": _FOLDER},
    ),
    Tool(
        name="glob",
        group="workspace",
        annotations=ToolAnnotations("Find files by name", **_READING),
        run=_glob,
        properties={
            "pattern": {"type": "string", "description": "Pattern of names, for example *.csv or data/**/*.json."},
            "path": _FOLDER,
        },
        required=("pattern",),
    ),
    Tool(
        name="grep",
        group="workspace",
        annotations=ToolAnnotations("Search in files", **_READING),
        run=_grep,
        properties={
            "pattern": {"type": "string", "description": "Regular expression to look for in each line."},
            "path": {**_FOLDER, "description": "File or folder to search; left out, the whole workspace."},
            "glob": {"type": "string", "description": "Search only files with names like this, for example *.py."},
            "ignore_case": {"type": "boolean", "default": False, "description": "Take a and A for the same."},
            "context": {
                "type": "integer",
                "minimum": 0,
                "maximum": 20,
                "default": 0,
                "description": "How many lines to show before and after each match.",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000,
                "default": 200,
                "description": "How many matches to return at most.",
            },
        },
        required=("pattern",),
    ),
    Tool(
        name="file_info",
        group="workspace",
        annotations=ToolAnnotations("File information", **_READING),
        run=_file_info,
        properties={"path": {"type": "string", "description": "Path in the workspace."}},
        required=("path",),
    ),
)
