"""YAML text → one tree of nodes, two ways: libyaml's own composer where nothing can go wrong, else event by event.

Both give the same tree. Limits on depth, number and aliases hold on either, and nothing is given a type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from openskills_core.format.complaints import explained
from openskills_core.format.nodes import (
    FIRST_FIELD_LINE,
    MAX_ALIASED,
    MAX_DEPTH,
    MAX_NODES,
    Node,
    YamlError,
)

_MAX_QUICK_LENGTH = 8 * 1024
_MAX_QUICK_INDICATORS = 200
_INDICATORS = "-?:[{"
_MAYBE_ALIAS = re.compile(r"\*[0-9A-Za-z_-]")


def compose(source: str) -> Node | None:
    """Return the root of one YAML document, None when it is empty.

    Raises:
        YamlError: it is no YAML, or breaks a limit.
    """
    return compose_quickly(source) or compose_carefully(source)


def compose_quickly(source: str) -> Node | None:
    """Return the root of one harmless YAML document, None for anything that needs `compose_carefully`."""
    if not _is_harmless(source):
        return None
    import yaml

    if not hasattr(yaml, "CSafeLoader"):
        return None
    try:
        made = _untyped_reader()(source).get_single_node()
        return made and _converted(made, source, MAX_DEPTH)
    except (yaml.YAMLError, _NotHarmlessError):
        return None


def compose_carefully(source: str) -> Node | None:
    """Return the root of one YAML document, None when it is empty; it may be hostile.

    Raises:
        YamlError: it is no YAML, or breaks a limit.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    composer = _Composer(source)
    try:
        for event in yaml.parse(source, Loader=loader):
            composer.feed(event)
    except yaml.YAMLError as error:
        raise explained(error, source) from error
    return composer.root


def _is_harmless(source: str) -> bool:
    """Whether libyaml's composer, which calls itself for each level, can be trusted with this.

    Each level of nesting needs one of the indicators, so their number bounds the depth. Aliases could make a small
    text a large tree.
    """
    if len(source) > _MAX_QUICK_LENGTH or sum(map(source.count, _INDICATORS)) > _MAX_QUICK_INDICATORS:
        return False
    return "*" not in source or not _MAYBE_ALIAS.search(source)


@cache
def _untyped_reader() -> Any:
    """Return libyaml's composer as a class that asks for no implicit types, which would cost half of the time."""
    from yaml._yaml import CParser

    class UntypedReader(CParser):
        def resolve(self, *_: object) -> None:
            return None

        descend_resolver = ascend_resolver = resolve

    return UntypedReader


class _NotHarmlessError(Exception):
    """The document needs the careful way after all."""


def _converted(made: Any, source: str, levels: int) -> Node:
    line = made.start_mark.line + FIRST_FIELD_LINE
    if made.id == "scalar":
        if made.tag and made.tag[0] == "!":
            raise _NotHarmlessError
        return Node("text", made.value, line, (), not made.style)
    if not levels:
        raise _NotHarmlessError
    text = source[made.start_mark.index : made.end_mark.index].rstrip()
    if made.id == "sequence":
        return Node("list", text, line, tuple([_converted(item, source, levels - 1) for item in made.value]))
    parts = [part for pair in made.value for part in pair]
    return Node("map", text, line, tuple([_converted(part, source, levels - 1) for part in parts]))


@dataclass(slots=True)
class _Open:
    """A list or map whose end has not been read yet. `weight` counts its characters with every alias expanded."""

    kind: Literal["list", "map"]
    event: Any
    children: list[Node] = field(default_factory=list)
    weight: int = 1


class _Composer:
    """Builds nodes from YAML events without recursion.

    Aliases share the node they name. What they would expand to is counted, so a bomb is refused while it is small.
    """

    def __init__(self, source: str) -> None:
        self.root: Node | None = None
        self._source = source
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._aliased = 0
        self._count = 0

    def feed(self, event: Any) -> None:
        """Take the next event of `yaml.parse`. Raises YamlError."""
        match type(event).__name__:
            case "ScalarEvent":
                self._add(self._scalar(event), 1 + len(event.value), event.anchor)
            case "AliasEvent":
                self._alias(event)
            case "SequenceStartEvent":
                self._begin("list", event)
            case "MappingStartEvent":
                self._begin("map", event)
            case "SequenceEndEvent" | "MappingEndEvent":
                self._end(event)

    def _scalar(self, event: Any) -> Node:
        plain = not event.style
        # `!important note` is a local tag to YAML and would lose its first word.
        tagged = plain and event.tag and event.tag.startswith("!") and event.tag != "!"
        text = " ".join(self._slice(event, event).split()) if tagged else event.value
        return Node("text", text, self._line(event), (), plain)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise YamlError(f"put the value in quotes: *{event.anchor} names nothing", self._line(event))
        node, weight = self._anchors[event.anchor]
        self._aliased += weight
        if self._aliased > MAX_ALIASED:
            problem = f"aliases add more than {MAX_ALIASED} characters; write the values out"
            raise YamlError(problem, self._line(event), final=True)
        self._add(node, weight, None)

    def _begin(self, kind: Literal["list", "map"], event: Any) -> None:
        if len(self._open) >= MAX_DEPTH:
            problem = f"values are nested over {MAX_DEPTH} deep; write them flat"
            raise YamlError(problem, self._line(event), final=True)
        self._open.append(_Open(kind, event))

    def _end(self, event: Any) -> None:
        done = self._open.pop()
        text = self._slice(done.event, event).rstrip()
        node = Node(done.kind, text, self._line(done.event), tuple(done.children))
        self._add(node, done.weight, done.event.anchor)

    def _add(self, node: Node, weight: int, anchor: str | None) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            problem = f"there are over {MAX_NODES} values; move them into a file beside SKILL.md"
            raise YamlError(problem, node.line, final=True)
        if anchor:
            self._anchors[anchor] = (node, weight)
        if self._open:
            self._open[-1].children.append(node)
            self._open[-1].weight += weight
            return
        if self.root is not None:
            raise YamlError("write one YAML document: remove the line that is only ...", node.line)
        self.root = node

    def _slice(self, first: Any, last: Any) -> str:
        return self._source[first.start_mark.index : last.end_mark.index]

    def _line(self, event: Any) -> int:
        return int(event.start_mark.line) + FIRST_FIELD_LINE
