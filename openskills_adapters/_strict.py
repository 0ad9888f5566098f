"""JSON Schema as OpenAI's strict mode wants it.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas. Every object is closed and lists
all its properties as required; what is optional becomes nullable instead, and defaults are dropped. The core takes null
for an optional argument as left out, so nothing is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def strictified(schema: Mapping[str, Any], path: str = "parameters") -> dict[str, Any]:
    """Return a strict copy of `schema`.

    Raises:
        ValueError: naming the place that strict mode cannot express: an open object, or a schema without a type.
    """
    strict = {key: value for key, value in schema.items() if key != "default"}
    if "type" not in strict:
        raise ValueError(f"{path} has no type, which strict mode needs")
    if strict["type"] == "array":
        strict["items"] = strictified(strict.get("items", {}), f"{path}[]")
    if strict["type"] == "object":
        strict |= _closed(strict, path)
    return strict


def _closed(schema: Mapping[str, Any], path: str) -> dict[str, Any]:
    if schema.get("additionalProperties") is not False:
        raise ValueError(f"{path} is an open object, which strict mode does not have")
    required = schema.get("required", ())
    properties = {
        name: strictified(value, f"{path}.{name}") if name in required else _nullable(value, f"{path}.{name}")
        for name, value in schema["properties"].items()
    }
    return {"properties": properties, "required": list(properties)}


def _nullable(schema: Mapping[str, Any], path: str) -> dict[str, Any]:
    strict = strictified(schema, path)
    strict["type"] = [strict["type"], "null"]
    if "enum" in strict:
        strict["enum"] = [*strict["enum"], None]
    return strict
