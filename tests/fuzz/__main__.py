"""Fuzz what reads other people's text: the parser, the renderer, tool rules, commands and `!` blocks.

    python -m tests.fuzz TARGET --mutations 20000 [--seed 1]         random, repeatable, needs nothing
    python -m tests.fuzz TARGET [libFuzzer options] [CORPUS…]        coverage-guided, needs atheris

The input that fails is printed or, by libFuzzer, written to a file. Every such input becomes a test in tests/format.
"""

from __future__ import annotations

import importlib
import random
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fuzz.inputs import mutate, seeds
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable

CORPORA = Path(__file__).parents[2] / "build" / "fuzz"


def run_mutations(target: Callable[[bytes], None], count: int, seed: int) -> None:
    """Feed the seeds and `count` repeatable changes of them to a target; print the input that fails, then raise."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    inputs = seeds()
    changed = (mutate(chance.choice(inputs), inputs, chance) for _ in range(count))
    for data in chain(inputs, changed):
        try:
            target(data)
        except Exception:
            print(f"failing input: {data!r}", file=sys.stderr)  # noqa: T201 - a script speaks through its streams
            raise


def run_atheris(target: Callable[[bytes], None], options: list[str]) -> None:
    """Hand a target to libFuzzer, with the code it reaches instrumented. Ends the process.

    What it finds interesting is kept in the first directory among `options`, by default build/fuzz/TARGET.
    """
    try:
        atheris: Any = importlib.import_module("atheris")
    except ModuleNotFoundError:
        sys.exit("atheris is not installed: pip install --group fuzz, or use --mutations N, which needs nothing")
    with atheris.instrument_imports(include=["openskills_core", "yaml"]):
        for name in ("openskills_core.format", "openskills_core.format.tools", "openskills_core.policy", "yaml"):
            importlib.import_module(name)
    if all(option.startswith("-") for option in options):
        options = [*options, str(_corpus(target.__name__))]
    atheris.Setup([sys.argv[0], *options], target)
    atheris.Fuzz()


def _corpus(name: str) -> Path:
    """Return the directory of a target's inputs, filled with the seeds."""
    folder = CORPORA / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (folder / f"seed-{number}").write_bytes(seed)
    return folder


def main(arguments: list[str]) -> None:
    """Run one target as the command line says."""
    if not arguments or arguments[0] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz {'|'.join(TARGETS)} (--mutations N [--seed N] | libFuzzer options)")
    target = TARGETS[arguments[0]]
    if arguments[1:2] == ["--mutations"]:
        seed = int(arguments[4]) if arguments[3:4] == ["--seed"] else 1
        run_mutations(target, int(arguments[2]), seed)
    else:
        run_atheris(target, arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
