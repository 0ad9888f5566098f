"""One SKILL.md and a profile → what is wrong with its frontmatter. Touches no disk.

Sources: Agent Skills specification, "Frontmatter", with its reference validator and packager; Claude API, "Agent
Skills", for uploads; Claude Code, "Using skill frontmatter outside Claude Code".
"""

from __future__ import annotations

import re
import unicodedata
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from openskills_core.format import parse_skill
from openskills_core.format.frontmatter import read_document
from openskills_core.format.nodes import Node, quoted
from openskills_core.format.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Collection

    from openskills_core.format import ParsedSkill
    from openskills_core.format.frontmatter import Document
    from openskills_core.format.profiles import Findings
    from openskills_core.manifest import Preset

SPECIFIED = ("allowed-tools", "compatibility", "description", "license", "metadata", "name")

_REQUIRED = {
    "name": "add a line `name: {directory}` to the frontmatter",
    "description": "add a line `description: …` to the frontmatter: what the skill does and when to use it",
}
_RESERVED = ("anthropic", "claude")
_BOM = b"\xef\xbb\xbf"
_FENCE = re.compile(rb"---([ \t]*)\r?")
_SHOWN = 40
_TYPES = {"int": "a number", "float": "a number", "bool": "a boolean", "timestamp": "a date", "null": "nothing"}

# What a runtime does without a field, or with an unknown one, does not matter where that is an error by itself.
SUPERSEDED = frozenset({"unknown-field", "misspelt-field", "no-description", "expected-text"})
# Reasons why there are no fields at all; that each of them is missing says nothing more.
UNREAD = frozenset(
    {
        "file-too-large",
        "no-frontmatter",
        "late-frontmatter",
        "unfenced-frontmatter",
        "bad-fence",
        "unclosed-frontmatter",
        "bad-yaml",
    }
)


def check_document(data: bytes, found: Findings, *, preset: Preset = "claude-code") -> ParsedSkill:
    """Read one SKILL.md and add to `found` what its profile objects to, in order of line. Never raises.

    Args:
        data: the file's bytes.
        found: where the findings go; its `skill_id` is the name of the skill's directory.
        preset: whose rules decide whether the skill loads, in the "runtime" profile.
    """
    parsed = parse_skill(data, found.path, found.skill_id, preset=preset)
    notes = parsed.diagnostics
    if found.profile != "runtime":
        _check_source(data, found)
        if not UNREAD & {note.code for note in notes}:
            _check_fields(read_document(data, Notes(found.path, found.skill_id)), parsed.manifest.extra, found)
        said = {(finding.code, finding.line) for finding in found.items}
        notes = tuple(note for note in notes if note.code not in SUPERSEDED and (note.code, note.line) not in said)
    for note in notes:
        found.take(note)
    found.items.sort(key=lambda finding: finding.line)
    return parsed


def _check_source(data: bytes, found: Findings) -> None:
    """Note what the reader forgives and stricter readers do not."""
    if data.startswith(_BOM):
        found.add(
            "byte-order-mark", "save the file as UTF-8 without a byte-order mark: other readers see no frontmatter"
        )
    first, *rest = data.removeprefix(_BOM).split(b"\n")
    opening = _FENCE.fullmatch(first)
    if opening is None:
        return
    if opening[1]:
        found.add("blanks-after-dashes", "delete the blanks after the first ---: the packager sees no frontmatter")
    for number, line in enumerate(takewhile(lambda line: not _FENCE.fullmatch(line), rest), 2):
        if b"---" in line:
            advice = "write fewer than three dashes, or a long dash: the reference reader ends the frontmatter at ---"
            found.add("dashes-in-value", advice, number)


def _check_fields(document: Document, foreign: Collection[str], found: Findings) -> None:
    """Check which fields there are, and each of them; `foreign` has the names that mean nothing to Claude Code."""
    for name, advice in _REQUIRED.items():
        if name not in document.fields or _is_empty(document.fields[name]):
            found.add("missing-field", advice.format(directory=found.skill_id), document.lines.get(name, 1))
    for name, node in document.fields.items():
        line = document.lines[name]
        if name not in SPECIFIED:
            _note_unexpected(name, line, found, is_known=name not in foreign)
        elif _is_empty(node):
            _note_empty(name, line, found)
        elif name == "metadata":
            _check_metadata(node, found)
        else:
            _check_text(name, node, line, found)


def _is_empty(node: Node) -> bool:
    return not node.text.strip() or _type_of(node) == "null"


def _note_unexpected(name: str, line: int, found: Findings, *, is_known: bool) -> None:
    import difflib

    near = difflib.get_close_matches(name.lower().replace("_", "-"), SPECIFIED, n=1, cutoff=0.8)
    if near:
        advice = f"did you mean {near[0]!r}?"
    elif is_known:
        advice = "delete it, or check with the profile runtime, whose clients read it"
    else:
        advice = "move it under metadata:"
    found.add("unexpected-field", f"{quoted(name)} is not one of {', '.join(SPECIFIED)}; {advice}", line)


def _note_empty(name: str, line: int, found: Findings) -> None:
    if name not in _REQUIRED:
        found.add("empty-field", f"give {name!r} a value, or delete the line", line)


def _check_metadata(node: Node, found: Findings) -> None:
    if node.kind != "map":
        return  # the reader has said so
    if node.text.startswith("{"):
        advice = "write metadata as one indented `key: value` a line: the reference reader refuses braces"
        found.add("flow-style", advice, node.line)
    for key, value in node.pairs():
        if value.kind != "text":
            advice = f"write {quoted(key.text)} under metadata as one text: the specification has no nested values"
            found.add("expected-text", advice, key.line)
        else:
            _check_type("typed-metadata", key.text, value, found)


def _check_text(name: str, node: Node, line: int, found: Findings) -> None:
    if node.kind != "text":
        example = f": `{name}: {_joined(node)}`" if node.kind == "list" else ""
        found.add("expected-text", f"write {name!r} as one text{example}", line)
        return
    _check_type("typed-value", name, node, found)
    if name == "allowed-tools" and "," in re.sub(r"\([^()]*\)", "", node.text):
        advice = "separate the tools by spaces: clients that follow the specification take a comma for part of a name"
        found.add("comma-in-tools", advice, line)
    if name == "name":
        _check_name(node, line, found)
    bracket = re.search("<[^<>]*>?|>", node.text)
    if found.profile == "upload" and name in _REQUIRED and bracket:
        advice = f"write the {name} without {quoted(bracket[0])}: uploads with < or > in it are refused"
        found.add("angle-brackets", advice, line)


def _joined(node: Node) -> str:
    return " ".join(" ".join(item.text.split()) for item in node.children)[: 2 * _SHOWN]


def _check_type(code: str, name: str, node: Node, found: Findings) -> None:
    kind = _TYPES.get(_type_of(node))
    if kind:
        advice = f"put the value of {quoted(name)} in quotes: to YAML, {quoted(node.text)} is {kind} and not text"
        found.add(code, advice, node.line)


def _check_name(node: Node, line: int, found: Findings) -> None:
    name = unicodedata.normalize("NFKC", node.text.strip())
    # As written: whoever takes a-z only does not fold wide letters into them first.
    if not node.text.strip().isascii():
        shown = quoted(node.text.strip())
        advice = f"write the name in a-z, 0-9 and hyphens: many clients and claude.ai refuse {shown}"
        found.add("non-ascii-name", advice, line)
    reserved = [word for word in _RESERVED if word in name.lower()]
    if found.profile == "upload" and reserved:
        found.add("reserved-word", f"choose a name without {reserved[0]!r}: claude.ai reserves the word", line)


def _type_of(node: Node) -> str:
    """Return what YAML takes a value for: "str", "int", "float", "bool", "null", "timestamp"; "" for no scalar."""
    if node.kind != "text" or not node.plain:
        return "str" if node.kind == "text" else ""
    import yaml

    resolver: Any = yaml.resolver.Resolver()
    return str(resolver.resolve(yaml.ScalarNode, node.text, (True, False))).rpartition(":")[2]
