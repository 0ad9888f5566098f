"""Schemas for OpenAI's strict mode."""

from __future__ import annotations

from typing import Any

import pytest

from openskills_adapters._strict import strictified


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """Return a closed object schema."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


STRICT = [
    (closed({}), closed({})),
    (closed({"a": {"type": "string"}}, "a"), closed({"a": {"type": "string"}}, "a")),
    (
        closed({"a": {"type": "integer", "minimum": 1, "default": 3}}),
        closed({"a": {"type": ["integer", "null"], "minimum": 1}}, "a"),
    ),
    (
        closed({"a": {"type": "string", "enum": ["x"]}}),
        closed({"a": {"type": ["string", "null"], "enum": ["x", None]}}, "a"),
    ),
    (
        closed({"a": {"type": "array", "items": closed({"b": {"type": "string"}}), "default": []}}),
        closed({"a": {"type": ["array", "null"], "items": closed({"b": {"type": ["string", "null"]}}, "b")}}, "a"),
    ),
]


@pytest.mark.parametrize(("schema", "expected"), STRICT)
def test_optional_becomes_required_and_nullable(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    """Every property is required, optional ones take null, defaults are gone; the original is left alone."""
    before = repr(schema)
    assert strictified(schema) == expected
    assert repr(schema) == before


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (closed({"a": {}}), "parameters.a has no type"),
        (closed({"a": {"type": "array"}}), r"parameters\.a\[\] has no type"),
        ({"type": "object", "properties": {}}, "parameters is an open object"),
        (closed({"a": {"type": "object", "additionalProperties": True}}, "a"), "parameters.a is an open object"),
    ],
)
def test_what_strict_mode_cannot_say_is_named(schema: dict[str, Any], message: str) -> None:
    """An open object or a value of any type is an error that names the place."""
    with pytest.raises(ValueError, match=message):
        strictified(schema)
