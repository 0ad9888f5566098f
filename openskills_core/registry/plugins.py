"""A Claude Code plugin: the directory that its skills and command files hang in.

Source: Claude Code, "Plugins reference", on components and path fields.
"""

from __future__ import annotations

import json
import os
import posixpath
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openskills_core.registry.children import list_children
from openskills_core.registry.location import SKILL_FILE
from openskills_core.registry.reading import read_start
from openskills_core.registry.trees import list_commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openskills_core.registry.draft import Draft

_MANIFEST = ".claude-plugin/plugin.json"
_MAX_MANIFEST = 1024 * 1024


def list_plugin(draft: Draft, base: str) -> None:
    """Take the skills of `skills/` and of the manifest's `skills`, or else the one at the root, and the command files.

    Raises:
        OSError: it is no directory, or cannot be listed.
    """
    os.scandir(base).close()
    draft.watch(base)
    manifest = _manifest(draft, base)
    draft.prefix = draft.prefix or _name(draft, base, manifest)
    own = f"{base}/skills"
    if os.path.isdir(own):
        list_children(draft, own)
    for path in _paths(draft, base, manifest, "skills"):
        _take_skills(draft, path)
    if "skills" not in manifest and not os.path.isdir(own):
        draft.add([os.path.basename(base)], [f"{base}/{SKILL_FILE}"], named=True)
    commands = _paths(draft, base, manifest, "commands") if "commands" in manifest else [f"{base}/commands"]
    for path in commands:
        _take_commands(draft, path)


def _manifest(draft: Draft, base: str) -> Mapping[str, Any]:
    file = f"{base}/{_MANIFEST}"
    if draft.watch(file) is None:
        return {}
    try:
        manifest = json.loads(read_start(file, _MAX_MANIFEST))
    except (OSError, ValueError, RecursionError):
        manifest = None
    if isinstance(manifest, dict):
        return manifest
    draft.note(
        "error", "bad-plugin", "write one JSON object; its fields could not be read and do not count", Path(file)
    )
    return {}


def _name(draft: Draft, base: str, manifest: Mapping[str, Any]) -> str:
    """Return the plugin's name: the manifest's, else the directory's."""
    name = manifest.get("name", os.path.basename(base))
    if isinstance(name, str) and name.isprintable() and name.strip() and not set(name) & set(":/"):
        return name
    advice = f"write a name of printable characters without : and /, not {name!r:.60}; the directory's name stands in"
    draft.note("warning", "bad-plugin", advice, Path(base, _MANIFEST))
    return os.path.basename(base)


def _paths(draft: Draft, base: str, manifest: Mapping[str, Any], field: str) -> Iterator[str]:
    """Yield the absolute paths that a path field names, one text or a list of them, all inside the plugin."""
    value = manifest.get(field, [])
    for path in value if isinstance(value, list) else [value]:
        if isinstance(path, str) and "\0" not in path and (path == "." or path.startswith("./")):
            inner = posixpath.normpath(path)
            if inner != ".." and not inner.startswith("../"):
                yield base if inner == "." else f"{base}/{inner}"
                continue
        advice = f"write paths in {field!r} that begin with ./ and stay inside the plugin, not {path!r:.60}"
        draft.note("warning", "bad-plugin", advice, Path(base, _MANIFEST))


def _take_skills(draft: Draft, path: str) -> None:
    """Take a directory that is a skill itself, or else those in it."""
    draft.watch(path)
    if os.path.lexists(f"{path}/{SKILL_FILE}"):
        draft.add([os.path.basename(path)], [f"{path}/{SKILL_FILE}"], named=True)
        return
    with suppress(OSError):
        list_children(draft, path)


def _take_commands(draft: Draft, path: str) -> None:
    draft.watch(path)
    if os.path.isfile(path):
        draft.add([os.path.splitext(os.path.basename(path))[0]], [path])
        return
    with suppress(OSError):
        list_commands(draft, path)
