"""`openskills tools` and `openskills prompt`: what an agent is given, to look at or to paste elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from openskills_core.cli.options import open_runtime, skills_option
from openskills_core.cli.output import print_json, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openskills_core.runtime import OpenSkillRuntime
    from openskills_core.tools import ToolSpec


def _neutral(runtime: OpenSkillRuntime) -> list[dict[str, Any]]:
    return [asdict(spec) for spec in runtime.tools()]


def _openai(runtime: OpenSkillRuntime) -> list[dict[str, Any]]:
    # What strict mode asks of a schema is the adapter's knowledge; the adapter itself needs no framework.
    from openskills_adapters.openai import create_openai_tools

    return create_openai_tools(runtime)


def _anthropic(runtime: OpenSkillRuntime) -> list[dict[str, Any]]:
    return [{**_named(spec), "input_schema": spec.parameters} for spec in runtime.tools()]


def _mcp(runtime: OpenSkillRuntime) -> list[dict[str, Any]]:
    return [
        {**_named(spec), "inputSchema": spec.parameters, "annotations": _mcp_annotations(spec)}
        for spec in runtime.tools()
    ]


def _named(spec: ToolSpec) -> dict[str, Any]:
    return {"name": spec.name, "description": spec.description}


def _mcp_annotations(spec: ToolSpec) -> dict[str, Any]:
    hints = spec.annotations
    return {
        "title": hints.title,
        "readOnlyHint": hints.read_only,
        "destructiveHint": hints.destructive,
        "idempotentHint": hints.idempotent,
        "openWorldHint": hints.open_world,
    }


_FORMATS: Mapping[str, Callable[[OpenSkillRuntime], list[dict[str, Any]]]] = {
    "neutral": _neutral,
    "openai": _openai,
    "anthropic": _anthropic,
    "mcp": _mcp,
}


@click.command(epilog="Example: openskills tools --format openai > tools.json")
@click.option(
    "--format", "form", type=click.Choice(list(_FORMATS)), default="neutral", help="Whose shape. [default: neutral]"
)
@skills_option
def tools(form: str, skills: Sequence[str]) -> None:
    """Print the tools an agent is given, as JSON."""
    with open_runtime(skills) as runtime:
        print_json(_FORMATS[form](runtime))


@click.command(epilog="Example: openskills prompt > system.md")
@skills_option
def prompt(skills: Sequence[str]) -> None:
    """Print the system prompt an agent is given."""
    with open_runtime(skills) as runtime:
        say(runtime.render_prompt())
