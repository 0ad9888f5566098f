"""What it means that an implementation did what a case expects: one rule per key of an outcome.

The README says the same in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.corpus import line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MARKS = ("unspecified", "here")


def differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """Return one line for each key of `expected` that `actual` does not fulfil."""
    seen = _without_appended(expected, actual)
    wrong = [
        f"{key}: expected {_short(wanted)}, got {_short(_found(key, seen))}"
        for key, wanted in expected.items()
        if key not in (*_MARKS, "uses") and not _agrees(key, wanted, seen)
    ]
    return [*wrong, *(_wrong_uses(expected["uses"], actual.get("uses", ())) if "uses" in expected else ())]


def recorded(expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return what this repository does where `expected` is unspecified, as an expectation of its own."""
    uses = [{"outcome": use.get("here")} for use in expected.get("uses", ()) if isinstance(use, dict)]
    return {**expected.get("here", {}), **({"uses": uses} if uses else {})}


def _wrong_uses(uses: Sequence[Any], outcomes: Sequence[str]) -> list[str]:
    """Compare the outcomes of uses one by one; an outcome of None is not asked about."""
    if len(uses) != len(outcomes):
        return [f"uses: expected {len(uses)} outcomes, got {list(outcomes)}"]
    named = [use if isinstance(use, dict) else {"outcome": use} for use in uses]
    return [
        f"use {number}, {use.get('tool', '')} {use.get('detail', '')!r}: expected {use['outcome']}, got {outcome}"
        for number, (use, outcome) in enumerate(zip(named, outcomes, strict=True), 1)
        if use.get("outcome") not in (None, outcome)
    ]


def _without_appended(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take the line of appended arguments off the text, where one is expected; white space before it is free."""
    text = str(actual.get("text", "")).rstrip("\n")
    said = expected.get("appended")
    if said is None or not text.endswith(f"\n{said}"):
        return actual
    return {**actual, "text": text[: -len(said)].rstrip("\n"), "appended": said}


def _agrees(key: str, wanted: Any, actual: Mapping[str, Any]) -> bool:
    rule = _RULES.get(key)
    if rule is not None:
        return rule(wanted, actual)
    return key in actual and bool(actual[key] == wanted)


def _found(key: str, actual: Mapping[str, Any]) -> Any:
    source = {
        "includes": "problems",
        "absent": "text",
        "contains": "text",
        "longest": "entries",
        "shorter-than": "text",
    }
    return actual.get(source.get(key, key), actual)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 600 else f"{text[:600]}…"


def _fields(wanted: Mapping[str, Any], actual: Mapping[str, Any]) -> bool:
    given = actual.get("fields", {})
    return all(name in given and _field(value, given[name]) for name, value in wanted.items())


def _field(wanted: Any, given: Any) -> bool:
    if isinstance(wanted, dict) and set(wanted) == {"any"}:
        return given in wanted["any"]
    if isinstance(wanted, str) and isinstance(given, str):
        return wanted.strip() == given.strip()
    return type(wanted) is type(given) and bool(wanted == given)


def _text(wanted: Any, actual: Mapping[str, Any]) -> bool:
    return "text" in actual and str(actual["text"]).rstrip("\n") == line(wanted).rstrip("\n")


def _holds(key: str) -> Callable[[list[str], Mapping[str, Any]], bool]:
    return lambda wanted, actual: all(part in actual.get(key, "") for part in wanted)


def _entries(wanted: Mapping[str, list[str]], actual: Mapping[str, Any]) -> bool:
    return all(part in actual["entries"].get(name, "") for name, parts in wanted.items() for part in parts)


def _lengths(actual: Mapping[str, Any]) -> list[int]:
    """Return the length of each description in a catalog, or of the text where there is none."""
    return [len(text) for text in actual.get("entries", {"": actual.get("text", "")}).values()]


_RULES: Mapping[str, Callable[[Any, Mapping[str, Any]], bool]] = {
    "problems": lambda wanted, actual: set(wanted) == set(actual.get("problems", ["?"])),
    "includes": lambda wanted, actual: set(wanted) <= set(actual.get("problems", ())),
    "reports": lambda wanted, actual: set(wanted) <= set(actual.get("reports", ())),
    "advice": lambda wanted, actual: set(wanted) <= set(actual.get("advice", ())),
    "shadowed": lambda wanted, actual: set(wanted) <= set(actual.get("shadowed", ())),
    "body": lambda wanted, actual: wanted.strip() == str(actual.get("body")).strip(),
    "fields": _fields,
    "text": _text,
    "entries": _entries,
    "absent": lambda wanted, actual: not any(part in actual["text"] for part in wanted),
    "contains": _holds("text"),
    "message": _holds("message"),
    "longest": lambda wanted, actual: max(_lengths(actual), default=0) <= wanted,
    "shorter-than": lambda wanted, actual: sum(_lengths(actual)) < wanted,
    "model-call": lambda wanted, actual: all(actual["model-call"].get(name) == what for name, what in wanted.items()),
}
