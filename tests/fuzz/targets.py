"""The promises of what reads other people's text, one function each.

A target takes any bytes. It fails on an exception that is not documented and on a promise that does not hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE = Path("/skills/my-skill/SKILL.md")
NULL = ("", "~", "null", "Null", "NULL")


def parse(data: bytes) -> None:
    """Any bytes are a skill with a name, storable texts, and diagnostics that point into the file."""
    from openskills_core.format import parse_skill

    skill = parse_skill(data, FILE, "my-skill")
    assert skill == parse_skill(data, FILE, "my-skill")
    assert skill.manifest.name
    for text in _texts((skill.manifest, skill.body, skill.description)):
        text.encode()
    assert skill.description == skill.description.strip()
    assert skill.manifest.description or "<!--" in skill.body or skill.description in skill.body, skill.description
    lines = data.count(b"\n") + data.count(b"\r") + 1
    for note in skill.diagnostics:
        assert 1 <= note.line <= lines, note
        assert note.message.isprintable(), note


def agree(data: bytes) -> None:
    """Where plain YAML reads texts, we read the same ones."""
    import yaml

    from openskills_core.format import parse_skill

    text = data.decode("utf-8", errors="ignore").replace("\r", "").replace("---", "")
    try:
        fields = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - it builds texts, lists and maps only
    except (yaml.YAMLError, RecursionError):
        return
    if not isinstance(fields, dict) or set(text) & set("!\ufeff\x85\u2028\u2029"):
        return  # a tag is text to us, and a stray mark or line break from an editor is left out
    skill = parse_skill(f"---\n{text}\n---\nBody\n".encode(), FILE, "my-skill")
    if any(note.code == "bad-yaml" for note in skill.diagnostics):
        return
    for field in ("description", "when_to_use", "license"):
        wanted = fields.get(field, "")
        if isinstance(wanted, str) and wanted.strip() not in NULL:
            assert getattr(skill.manifest, field) == wanted.strip(), field


def neighbours(data: bytes) -> None:
    """Whatever one line of text a value is, it is read as YAML does or as written, and the fields around it count."""
    import yaml

    from openskills_core.format import parse_skill
    from openskills_core.format.nodes import MAX_DEPTH

    value = " ".join(data.decode("utf-8", errors="ignore").split())
    if not value.isprintable() or sum(map(value.count, "[{?-:")) >= MAX_DEPTH - 2:
        return  # a limit on nesting refuses the whole frontmatter
    skill = parse_skill(f"---\nname: my-skill\ndescription: {value}\nlicense: MIT\n---\n".encode(), FILE, "my-skill")
    assert (skill.manifest.name, skill.manifest.license) == ("my-skill", "MIT"), skill.diagnostics
    try:
        root: Any = yaml.compose(f"description: {value}", Loader=yaml.CBaseLoader)
    except yaml.YAMLError:
        if (
            value[:1] not in {"'", '"', "|", ">", "-"} and "&" not in value
        ):  # libyaml refuses a second `&a`, YAML does not
            assert skill.manifest.description == value, skill.diagnostics
            assert skill.diagnostics
        return
    node = root.value[0][1]
    if node.id == "scalar" and value[:1] != "!" and node.value not in NULL:
        assert skill.manifest.description == node.value.strip(), skill.diagnostics


def compose(data: bytes) -> None:
    """The quick reader of harmless YAML and the careful one of any give the same tree."""
    from openskills_core.format.composer import compose_carefully, compose_quickly

    source = data.decode("utf-8", errors="ignore")
    quick = compose_quickly(source)
    assert quick is None or quick == compose_carefully(source)


def render(data: bytes) -> None:
    """Arguments arrive as typed, and what stands in the body without a placeholder stays."""
    from openskills_core.format import Variables
    from openskills_core.format import render as fill

    arguments, names, body = (*data.decode("utf-8", errors="replace").split("\n", 2), "", "")[:3]
    variables = Variables(skill_dir=FILE.parent, project_dir=Path("/project"), session_id="1")
    text = fill(body, arguments, names=tuple(names.split()), variables=variables)
    text.encode()
    if "$" not in body:
        assert text == body or text.endswith(f"ARGUMENTS: {variables.expand(arguments)}"), text
    assert fill("<$ARGUMENTS>", arguments) == f"<{arguments}>"


def inject(data: bytes) -> None:
    """Commands lie in the body in order; without arguments their pieces are the command, and its output stays as is."""
    from openskills_core.format import Filling, Injection, injections
    from openskills_core.format import render as fill

    arguments, names, body = (*data.decode("utf-8", errors="replace").split("\n", 2), "", "")[:3]
    found = injections(body)
    at = 0
    for injection in found:
        assert at <= injection.start < injection.end <= len(body), injection
        assert body[injection.start : injection.end] == injection.text, injection
        assert injection.command.strip(), injection
        assert injection.line == body.count("\n", 0, injection.start) + 1, injection
        at = injection.end
    seen: list[Injection] = []

    def answer(injection: Injection, filling: Filling) -> str:
        seen.append(injection)
        "".join(piece if isinstance(piece, str) else piece.text for piece in filling.pieces(injection.command))
        return "<$ARGUMENTS>"

    text = fill(body, arguments, names=tuple(names.split()), inject=answer)
    assert tuple(seen) == found
    assert text.count("<$ARGUMENTS>") >= len(found)


def stack(data: bytes) -> None:
    """Stacked invocations are words of the message, and the rest of it are the arguments."""
    from openskills_core.format import split_invocations

    message = data.decode("utf-8", errors="replace")
    names, arguments = split_invocations(message, {"a", "b"})
    assert message.strip().endswith(arguments.strip())
    assert all(f"/{name}" in message for name in names)


def tools(data: bytes) -> None:
    """Splitting loses no character but separators, and what is well-formed splits into itself."""
    from openskills_core.format.tools import split_tools

    text = data.decode("utf-8", errors="replace")
    rules, unbalanced = split_tools(text)
    for rule in rules:
        assert split_tools(rule) == ([rule], []), rule
    whole = "".join(sorted("".join(rules + unbalanced)))
    kept = "".join(whole.split()).replace(",", "")
    assert kept == "".join(sorted("".join(text.split()).replace(",", ""))), text


def commands(data: bytes) -> None:
    """A line that rules allow stays neither allowed nor undenied once another command follows on a line of its own."""
    from openskills_core.models import HostPolicy
    from openskills_core.policy import check

    text = data.decode("utf-8", errors="replace")
    ask, deny = HostPolicy(ask=("Bash",)), HostPolicy(deny=("Bash(evil *)",))
    declared = ("Bash(echo *)", "Bash(git status)", "Bash(ls *)")
    check(deny, "Bash", text)
    if check(ask, "Bash", text, declared=declared).outcome == "allow" and not text.endswith("\\"):
        longer = f"{text}\nevil x"
        assert check(ask, "Bash", longer, declared=declared).outcome == "ask", longer
        assert check(deny, "Bash", longer).outcome == "deny", longer


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value made of frozen dataclasses, tuples and maps."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _texts(item)
    elif hasattr(value, "items"):
        yield from _texts([*value.keys(), *value.values()])
    elif hasattr(value, "__slots__"):
        yield from _texts([getattr(value, name) for name in value.__slots__])


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (parse, agree, neighbours, compose, render, inject, stack, tools, commands)
}
