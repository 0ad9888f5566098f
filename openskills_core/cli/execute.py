"""`openskills run` and `openskills exec`: run a script of a skill, or a command, in the sandbox."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from openskills_core.cli.options import open_runtime, running_options
from openskills_core.cli.output import aside, one_line, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openskills_core.models import ExecutionResult
    from openskills_core.options import RunOptions
    from openskills_core.runtime import OpenSkillRuntime

    _Start = Callable[[OpenSkillRuntime, RunOptions], ExecutionResult]

_MAX_NAMED = 5


class _Options(TypedDict):
    """What `running_options` hands to a command."""

    skills: Sequence[str]
    workspace: str
    timeout_ms: int | None
    memory_mb: int | None
    python: str | None
    sandbox: str
    as_json: bool


class _ArgumentsAfterDashes(click.Command):
    """Hands what follows `--` to the script as it is; without it there is no telling SCRIPT from the first argument."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ctx.params["arguments"] = tuple(args[end + 1 :])
        rest = super().parse_args(ctx, args[:end])
        if rest:
            raise click.UsageError(f"{rest[0]!r} is one word too many: put the script's own arguments after --", ctx)
        return rest


def _json(_context: click.Context, _option: click.Parameter, value: str | None) -> Any:
    """Return the JSON on the command line, or in the file that `@FILE` names."""
    if value is None:
        return None
    try:
        return json.loads(Path(value[1:]).read_bytes() if value.startswith("@") else value)
    except OSError as error:
        raise click.BadParameter(f"{value[1:]} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise click.BadParameter(f"{value[:60]!r} is not JSON ({error}); to read a file write @FILE") from error


@click.command(
    cls=_ArgumentsAfterDashes,
    context_settings={"allow_extra_args": True},
    options_metavar="[OPTIONS]",
    epilog="Example: openskills run csv-profile scripts/profile.py -- sales.csv --top 5",
)
@click.argument("skill_id", metavar="ID")
@click.argument("script", required=False, metavar="[SCRIPT] [-- ARGS...]")
@click.option("--input", "data", callback=_json, metavar="JSON|@FILE", help="Given to the script on standard input.")
@running_options
def run(skill_id: str, script: str | None, data: Any, *, arguments: Sequence[str], **options: Unpack[_Options]) -> int:
    """Run a script of a skill. Without SCRIPT it is the one the skill is known for."""
    asked: RunOptions = {"args": arguments, "input": data}
    return _run(lambda runtime, how: runtime.execute_skill(skill_id, script, **how), asked, options)


@click.command("exec", epilog="Example: openskills exec 'wc -l *.csv'")
@click.argument("command")
@running_options
def execute(command: str, **options: Unpack[_Options]) -> int:
    """Run COMMAND with bash in the workspace, every skill to read."""
    return _run(lambda runtime, how: runtime.run_command(command, **how), {}, options)


def _run(start: _Start, asked: RunOptions, options: _Options) -> int:
    """Run something with its output passed on as it comes, or all of it in one JSON document."""
    how: RunOptions = {**asked, "timeout_ms": options["timeout_ms"], "memory_mb": options["memory_mb"]}
    if not options["as_json"]:
        how["on_output"] = _pass_on
    place, python, sandbox = options["workspace"], options["python"], options["sandbox"]
    with open_runtime(options["skills"], workspace=place, python=python, sandbox=sandbox) as runtime:
        result = start(runtime, how)
        advice = _advice(result, asked.get("args", ()), runtime.workspace.root)
    if options["as_json"]:
        print_json(asdict(result))
    else:
        _end_line(result.stderr)
        aside(_told(result))
        if advice:
            aside(advice)
    return 0 if result.status == "success" else 1


def _advice(result: ExecutionResult, arguments: Sequence[str], workspace: Path) -> str:
    """Return what to do about a file that is here but not in the workspace, the likeliest reason of a failed run."""
    if result.status == "success":
        return ""
    outside = [word for word in arguments if Path(word).is_file() and not (workspace / word).exists()]
    if not outside:
        return ""
    there = "copy it there, or name its directory by --workspace"
    return one_line(f"hint: the script sees {workspace}, where {outside[0]} is not: {there}")


def _pass_on(stream: str, text: str) -> None:
    target = sys.stdout if stream == "stdout" else sys.stderr
    target.write(text)
    target.flush()


def _end_line(printed: str) -> None:
    """Begin a new line on standard error where the script did not end its last one."""
    if printed and not printed.endswith("\n"):
        aside("")


def _told(result: ExecutionResult) -> str:
    """Return what happened, on one line."""
    code = "" if result.exit_code is None else f", exit code {result.exit_code}"
    because = f" ({result.reason})" if result.reason else ""
    how = f"{result.status}{because}{code}, {result.duration_ms:.0f} ms"
    where = f"sandbox {result.sandbox.tier} ({result.sandbox.backend})"
    return one_line(f"[{how}; {where}; {_files(result)}; record {result.record_id[:16]}]")


def _files(result: ExecutionResult) -> str:
    unseen = "" if result.artifacts_complete else ", and perhaps others that were not looked at"
    if not result.artifacts:
        return f"no files changed{unseen}"
    named = ", ".join(f"{file.change} {file.path}" for file in result.artifacts[:_MAX_NAMED])
    more = len(result.artifacts) - _MAX_NAMED
    return f"{named} and {more} more{unseen}" if more > 0 else f"{named}{unseen}"
