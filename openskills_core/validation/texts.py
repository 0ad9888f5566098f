"""Whether a skill's texts are short enough to be read and say enough to be chosen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_core.format import ParsedSkill
    from openskills_core.format.profiles import Findings
    from openskills_core.validation.tokens import TokenCounter

MAX_LINES = 500
MAX_TOKENS = 5_000
USUAL_METADATA = 100
_MUCH_METADATA = 200  # twice the usual, so that the hint is worth reading
_SHORTEST = 40
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'(?!\w)|“[^”]*”|`[^`]*`")
_WHEN = re.compile(
    r"\b(?:when|whenever|while|before|after|during|if|for use|use[ds]? (?:this|it|for|to|as|in|by|with|proactively)"
    r"|trigger\w*|invoke\w*|activat\w+|asks?|asking|mentions?|(?:must|should) be used|useful for|ideal for|helps with"
    r"|needs? to|wants? to|not for|do not use|don't use)\b|(?:^|[.!?] )For\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"\bI(?:'m|'ll|'ve| am| can| will| help| have)\b|^I\b(?!/)|\bwe(?:'ll| can| will)\b|\blet me\b", re.IGNORECASE
)
_WORD = re.compile(r"\w+")
_FILLERS = frozenset({"a", "an", "the", "skill", "skills", "this", "for", "of", "and", "to", "is"})


@dataclass(frozen=True, slots=True)
class Stats:
    """How large a skill is.

    `body_lines` and `body_tokens` are those of the text behind the frontmatter, `metadata_tokens` those of what a model
    always reads: name, description and when_to_use. `tokens` says how they come about: counted or estimated.
    """

    body_lines: int
    body_tokens: int
    metadata_tokens: int
    tokens: str


def check_texts(parsed: ParsedSkill, counter: TokenCounter, found: Findings) -> Stats:
    """Measure a skill's texts, and note what is too long, missing or weak in them."""
    manifest = parsed.manifest
    metadata = " ".join(filter(None, (manifest.name, parsed.description, manifest.when_to_use)))
    lines = parsed.body.count("\n") + 1 if parsed.body else 0
    stats = Stats(lines, counter.count(parsed.body), counter.count(metadata), counter.method)
    _check_body(stats, parsed.body_line, found)
    if manifest.description:
        line = parsed.lines.get("description", 1)
        if stats.metadata_tokens > _MUCH_METADATA:
            size = f"{stats.metadata_tokens} tokens ({stats.tokens})"
            advice = f"name and description take {size} of every conversation; about {USUAL_METADATA} is usual"
            found.add("long-metadata", advice, line)
        for advice in weaknesses(manifest.description, manifest.name, manifest.when_to_use):
            found.add("weak-description", advice, line)
    return stats


def _check_body(stats: Stats, line: int, found: Findings) -> None:
    if not stats.body_lines:
        found.add("empty-body", "write what to do after the frontmatter: the skill has no instructions", line)
    if stats.body_lines > MAX_LINES or stats.body_tokens > MAX_TOKENS:
        size = f"{stats.body_lines:,} lines and {stats.body_tokens:,} tokens ({stats.tokens})"
        budget = f"keep it within {MAX_LINES} lines and {MAX_TOKENS:,} tokens"
        found.add("long-body", f"the body has {size}: {budget}, and move details into files under references/", line)


def weaknesses(description: str, name: str, when_to_use: str) -> Iterator[str]:
    """Yield advice on a description by which a model could hardly choose the skill."""
    text = _QUOTED.sub("", description)
    words = {word.lower() for word in _WORD.findall(text)}
    if words <= {word.lower() for word in re.findall(r"[^\W_]+", name)} | _FILLERS:
        yield "say what the skill does and when to use it: the description only repeats the name"
        return
    if len(description) < _SHORTEST:
        yield f"say more: {len(description)} characters hardly tell what the skill does and when to use it"
    if not when_to_use and description.isascii() and not _WHEN.search(text):
        yield "say when to use the skill, such as “Use it when the user asks for …”: a model chooses by that"
    first_person = _FIRST_PERSON.search(text)
    if first_person:
        shown = repr(first_person[0])
        yield f"write in the third person, such as “Processes …”, not {shown}: the text becomes part of a prompt"
