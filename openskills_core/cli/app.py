"""The program as a whole: which commands there are, and what any end of one means for the caller."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, cast

import click

from openskills_core.cli.output import prepare_streams, print_json, warn
from openskills_core.errors import OpenSkillsError

if TYPE_CHECKING:
    from collections.abc import Sequence

_READER_LEFT = 141

# In the order of `openskills --help`; a module is imported when its command is run or described.
_COMMANDS = {
    "list": "skills:list_skills",
    "show": "skills:show",
    "validate": "validate:validate",
    "run": "execute:run",
    "exec": "execute:execute",
    "tools": "agents:tools",
    "prompt": "agents:prompt",
    "audit": "audit:audit",
    "doctor": "doctor:doctor",
    "demo": "demo:demo",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        return cast("click.Command", getattr(import_module(f"openskills_core.cli.{module}"), name))


@click.group(cls=_LazyGroup, epilog="Example: openskills demo")
@click.version_option(package_name="openskills", prog_name="openskills")
def _openskills() -> None:
    """Find Claude-compatible skills, run them in a sandbox, hand them to agents."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; see `openskills_core.cli.main`."""
    prepare_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _status(words)
    except BrokenPipeError:
        _discard_output()
        return _READER_LEFT


def _status(words: list[str]) -> int:
    """The one place where an end becomes an exit status."""
    try:
        # Not click's own main(), which turns an interrupt and a lost reader into ends of its own.
        with _openskills.make_context("openskills", words or ["--help"]) as context:
            status = int(_openskills.invoke(context) or 0)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        see = f"; see {error.ctx.command_path} --help" if error.ctx else ""
        return _failed(words, f"{error.format_message().removesuffix('.')}{see}", status=error.exit_code, code="usage")
    except OpenSkillsError as error:
        return _failed(words, str(error), status=error.exit_status, code=error.code, culprit=error.culprit)
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, say, or a directory that may not be written
        culprit = os.fsdecode(error.filename or "")
        return _failed(words, ": ".join(filter(None, (culprit, error.strerror))), status=1, code="os", culprit=culprit)
    return status


def _failed(words: list[str], message: str, *, status: int, code: str, culprit: str = "") -> int:
    """Say what went wrong in one line; whoever asked for JSON gets it as that too."""
    own = words[: words.index("--")] if "--" in words else words
    if "--json" in own:
        print_json({"error": {"code": code, "message": message, "culprit": culprit}})
    warn(f"error: {' '.join(message.split())}")
    return status


def _discard_output() -> None:
    """Keep the interpreter from complaining, when it flushes at its end, that nobody reads."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
