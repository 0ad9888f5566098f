"""The part of JSON Schema that tools use, and how a model's arguments are held against it.

Closed objects of strings, integers, booleans and arrays of strings, with enum, minimum, maximum and default. Models are
met half way: null for an optional argument counts as left out, and "12" counts as 12 where a whole number is wanted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

_JSON_NAMES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_LISTED_NAMES = 20


class _Problem(Exception):  # noqa: N818 - never leaves this module
    """One thing that is wrong with one argument."""


def closed_object(properties: Mapping[str, Mapping[str, Any]], required: tuple[str, ...]) -> dict[str, Any]:
    """Return the JSON Schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": {name: dict(schema) for name, schema in properties.items()},
        "required": list(required),
        "additionalProperties": False,
    }


def parsed(text: str) -> Any:
    """Return the value of JSON `text`; empty text is an empty object.

    Raises:
        ValueError: when the text is not JSON, for example because the model was cut off.
    """
    try:
        return json.loads(text) if text.strip() else {}
    except RecursionError:
        raise ValueError("nested too deeply") from None


def validated(tool: str, schema: Mapping[str, Any], arguments: object) -> dict[str, Any]:
    """Return the arguments of `tool`, converted and with defaults.

    Raises:
        ValueError: one sentence per problem, all problems at once.
    """
    if not isinstance(arguments, Mapping):
        problem = f"Invalid arguments for {tool}: they must be a JSON object, got {_type_name(arguments)}."
        raise ValueError(problem)  # noqa: TRY004 - what a model sends is data, and wrong data is a ValueError
    properties: Mapping[str, Mapping[str, Any]] = schema["properties"]
    problems = [_unknown(name, properties) for name in arguments if name not in properties]
    values: dict[str, Any] = {}
    for name, wanted in properties.items():
        try:
            values |= _one(name, wanted, arguments.get(name), required=name in schema["required"])
        except _Problem as problem:
            problems.append(str(problem))
    if problems:
        raise ValueError(f"Invalid arguments for {tool}: {'; '.join(problems)}.")
    return values


def _one(name: str, schema: Mapping[str, Any], value: object, *, required: bool) -> dict[str, Any]:
    if value is not None:
        return {name: _converted(name, schema, value)}
    if required:
        raise _Problem(f"{name} is required ({schema['description'].rstrip('.')})")
    if "default" not in schema:
        return {}
    default = schema["default"]
    return {name: list(default) if isinstance(default, list) else default}


def _unknown(name: object, properties: Mapping[str, Any]) -> str:
    return f"{_shown(name)} is not an argument (known: {', '.join(properties) or 'none'})"


def _converted(name: str, schema: Mapping[str, Any], value: object) -> Any:
    kind = schema["type"]
    if kind == "array":
        return _array(name, schema, value)
    if kind == "integer":
        return _integer(name, schema, value)
    if kind == "boolean":
        return _instance(name, bool, value)
    return _string(name, schema, value)


def _array(name: str, schema: Mapping[str, Any], value: object) -> list[Any]:
    items = _instance(name, list, value)
    return [_converted(f"{name}[{place}]", schema["items"], item) for place, item in enumerate(items)]


def _integer(name: str, schema: Mapping[str, Any], value: object) -> int:
    number = _as_integer(name, value)
    if number < schema.get("minimum", number):
        raise _Problem(f"{name} must be at least {schema['minimum']}, got {number}")
    if number > schema.get("maximum", number):
        raise _Problem(f"{name} must be at most {schema['maximum']}, got {number}")
    return number


def _as_integer(name: str, value: object) -> int:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(_instance(name, int, value))


def _string(name: str, schema: Mapping[str, Any], value: object) -> str:
    text: str = _instance(name, str, value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Problem(f"{name} holds half of a surrogate pair, which is not text") from None
    if "enum" in schema and text not in schema["enum"]:
        raise _Problem(f"{name} must be one of {_listed(text, schema['enum'])}, got {_shown(text)}")
    return text


def _instance(name: str, wanted: type, value: object) -> Any:
    if type(value) is not wanted:
        raise _Problem(f"{name} must be {_article(_JSON_NAMES[wanted])}, got {_type_name(value)}")
    return value


def _listed(text: str, known: list[str]) -> str:
    """All of a short list; of a long one the nearest names, so that an error never costs thousands of tokens."""
    if len(known) <= _LISTED_NAMES:
        return ", ".join(known)
    near = get_close_matches(text, known, n=5, cutoff=0.5) or known[:5]
    return f"{len(known)} names such as {', '.join(near)}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - the width of an error's excerpt


def _type_name(value: object) -> str:
    return "null" if value is None else _article(_JSON_NAMES.get(type(value), type(value).__name__))


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
