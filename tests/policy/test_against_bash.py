"""What real bash runs is what the rules were asked about: random command lines, built from words that exist nowhere."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from openskills_core.models import HostPolicy
from openskills_core.policy import check
from openskills_core.policy.commands import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
BASH = shutil.which("bash") or "bash"
# Bash calls this for a program it cannot find, and with an empty PATH it finds none.
TELL = '() { local all; printf -v all \'%s\x1f\' "$@"; printf \'%s\x1e\' "$all" >> "$RAN"; return $((RANDOM % 2)); }'
GOOD, BAD = ("ga", "gb"), "rm"
WORDS = ["x", "-f", "--a=b", BAD, "'a b'", '"a;b"', "\\;", "'$(rm)'", "$V", '"$V"', "{x,y}", "*", "#x", "''", "a#b"]
TOKENS = [
    *(*GOOD, BAD, *" \t\n;&|<>(){}'\"`$\\#=!*?[]~-1", "  ", "&&", "||", "$(", "${", "$'", "<<E\n", "\nE\n", "<("),
    *(">f", "((", "))", "[[ ", " ]]", "if ", "; then ", "; fi", "for v in ", "; do ", "; done", "case x in x) "),
    *(" ;; esac", "time ", "command ", "coproc ", "f() ", "{ ", "; }", "x=", "$v", "${v}", "2>", "&>", "|&", "\\\n"),
    *("é", "<<<", "&>>", ">&"),
]


def ran(line: str, folder: Path) -> list[list[str]]:
    """Return the words of every program that bash tries to start for this line."""
    # A place of its own for each, for what a line leaves in the background may still write.
    place = Path(tempfile.mkdtemp(dir=folder))
    log = place.with_suffix(".ran")
    env = {"PATH": str(folder / "empty"), "RAN": str(log), "BASH_FUNC_command_not_found_handle%%": TELL}
    subprocess.run([BASH, "-c", line], cwd=place, env=env, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    told = log.read_text(errors="replace") if log.exists() else ""
    return [record.split("\x1f")[:-1] for record in told.split("\x1e")[:-1]]


class Lines:
    """Random command lines; `simple` ones are always what they look like, `wild` ones may be anything."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.depth = 0

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return self.random.choice(options)

    def program(self) -> str:
        """Return a name, quoted in some way."""
        name = self.pick([*GOOD, *GOOD, BAD])
        return self.pick([name, name, f"'{name}'", f'"{name}"', f"\\{name}", f'{name[0]}"{name[1]}"', f"$'{name}'"])

    def word(self) -> str:
        """Return an argument."""
        inner = self.depth < 2 and self.pick([False, False, True])
        return (
            self.pick([f"$({self.line()})", f"`{self.simple()}`", f'"$({self.line()})"']) if inner else self.pick(WORDS)
        )

    def simple(self) -> str:
        """Return a simple command, perhaps with assignments, wrappers and redirections."""
        self.depth += 1
        words = [
            self.pick(["", "", "", "A=1", "CI=1"]),
            self.pick(["", "", "", "time", "command", "!"]),
            self.program(),
        ]
        words += [self.word() for _ in range(self.pick([0, 1, 2]))]
        words += [self.pick(["", "", "", "> out", "2>&1", "< /dev/null", "<<< x", ">> out", "&> out"])]
        self.depth -= 1
        return self.pick([" ", "  ", "\t"]).join(word for word in words if word)

    def line(self) -> str:
        """Return a compound command."""
        self.depth += 1
        text = self._compound() if self.depth < 4 else self.simple()
        self.depth -= 1
        return text

    def _compound(self) -> str:
        one = self.simple
        joint = self.pick([" && ", " || ", "; ", " | ", " |& ", " & ", "\n", ";", "&&", "|", " # rm x\n", " \\\n && "])
        forms: list[Callable[[], str]] = [
            one, one, one,
            lambda: f"{self.line()}{joint}{self.line()}",
            lambda: f"{one()}{joint}{self.line()}",
            lambda: f"({self.line()})",
            lambda: f"{{ {self.line()}; }}",
            lambda: f"if {one()}; then {self.line()}; else {one()}; fi",
            lambda: f"for v in {self.word()}; do {self.line()}; done",
            lambda: f"f() {{ {self.line()}; }}; f x",
            lambda: f"case x in x) {self.line()};; esac",
            lambda: f"{one()} <<E\n$({one()})\nE\n{one()}",
            lambda: f"{one()} <<'E'\n$(rm x)\nE\n{one()}",
            lambda: f"bash -c {self.program()}",
            lambda: f"eval '{self.program()}' x".replace("''", "'"),
        ]  # fmt: skip
        return self.pick(forms)()

    def wild(self) -> str:
        """Return tokens in a row."""
        return "".join(self.pick(TOKENS) for _ in range(self.pick(range(2, 12))))


def lines(seed: int) -> list[str]:
    """Return the lines of one run."""
    source = Lines(seed)
    return [source.line() for _ in range(60)] + [source.wild() for _ in range(400)]


@pytest.mark.parametrize("seed", range(6))
def test_nothing_runs_that_was_not_allowed_or_was_denied(tmp_path: Path, seed: int) -> None:
    """Of a line that is allowed only allowed programs run; of one that is not denied the denied program does not."""
    allowed_lines = let_lines = 0
    for line in lines(seed):
        ask, deny = HostPolicy(ask=("Bash",)), HostPolicy(deny=(f"Bash({BAD} *)",))
        allowed = check(ask, "Bash", line, declared=[f"Bash({name} *)" for name in GOOD]).outcome == "allow"
        let = check(deny, "Bash", line).outcome == "allow"
        if not allowed and not let:
            continue
        # After an assignment `time` is a program and no keyword; it runs the same.
        programs = {words[words[0] == "time" and len(words) > 1] for words in ran(line, tmp_path)}
        assert not allowed or programs <= set(GOOD), line
        assert not let or BAD not in programs, line
        allowed_lines += allowed and bool(programs)
        let_lines += let and bool(programs)
    assert allowed_lines >= 3
    assert let_lines >= 10


def fits(known: list[str | None], words: list[str]) -> bool:
    """Whether a command whose words are `known`, None for what a shell alone knows, may be what ran."""
    at = known.index(None) if None in known else len(words)
    return words[:at] == known[:at] and (None in known or len(words) == len(known))


@pytest.mark.parametrize("seed", range(6, 10))
def test_every_command_that_bash_runs_is_found_with_its_words(tmp_path: Path, seed: int) -> None:
    """The reading of a line holds each command that runs, its quotes resolved as bash resolves them."""
    compared = 0
    for line in lines(seed):
        read = reading(line)
        if read.doubt:
            continue
        found = [[word.value if word.known and not word.home else None for word in words] for words in read.commands]
        for words in ran(line, tmp_path):
            compared += 1
            assert any(fits(known, words) for known in found), (line, words)
    assert compared >= 50
