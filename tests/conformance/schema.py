"""Checks JSON against `schema.json`: the part of JSON Schema 2020-12 that the schema uses, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEMA: Mapping[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
_TYPES: Mapping[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
_KNOWN = frozenset({
    "type", "const", "enum", "pattern", "required", "properties", "additionalProperties", "propertyNames",
    "minProperties", "items", "minItems", "anyOf", "oneOf", "$ref", "$schema", "$defs", "title",
})  # fmt: skip


def faults(value: Any, schema: Mapping[str, Any] = SCHEMA, where: str = "") -> Iterator[str]:
    """Yield what is wrong with `value`, each with the path to it.

    Raises:
        ValueError: the schema uses a word that is not understood here.
    """
    if unknown := set(schema) - _KNOWN:
        raise ValueError(f"the schema uses {sorted(unknown)}")
    if "$ref" in schema:
        yield from faults(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], where)
        return
    choices = schema.get("anyOf", schema.get("oneOf"))
    if choices:
        yield from _nearest(value, choices, where)
    if "type" in schema and not _is_a(value, schema["type"]):
        yield f"{where}: {value!r:.60} is no {schema['type']}"
        return
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        yield f"{where}: {value!r:.60} is none of the values allowed"
    yield from _faults_of_text(value, schema, where) if isinstance(value, str) else ()
    yield from _faults_of_list(value, schema, where) if isinstance(value, list) else ()
    yield from _faults_of_object(value, schema, where) if isinstance(value, dict) else ()


def _is_a(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _nearest(value: Any, choices: list[Mapping[str, Any]], where: str) -> Iterator[str]:
    """Yield nothing when one choice fits, else the faults of the one that has the fewest."""
    found = [list(faults(value, choice, where)) for choice in choices]
    yield from min(found, key=len)


def _faults_of_text(value: str, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    if not re.search(schema.get("pattern", ""), value):
        yield f"{where}: {value!r:.60} does not match {schema['pattern']}"


def _faults_of_list(value: list[Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{where}: holds too few"
    for number, item in enumerate(value):
        yield from faults(item, schema.get("items", {}), f"{where}/{number}")


def _faults_of_object(value: dict[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    if len(value) < schema.get("minProperties", 0):
        yield f"{where}: holds too little"
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where}: has no {name}"
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    for name, item in value.items():
        yield from faults(name, schema.get("propertyNames", {}), f"{where}/{name}")
        if name not in properties and others is False:
            yield f"{where}: has an unknown {name}"
        else:
            yield from faults(item, properties.get(name, others or {}), f"{where}/{name}")
