"""Inputs to start from, and repeatable random changes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

CASES = Path(__file__).parents[1] / "conformance" / "cases"
LONGEST = 4000

# What the formats give a meaning to: random bytes alone seldom find these.
TOKENS = [
    *("---\n", "\n---\n", "...\n", ": ", "- ", "? ", "|", ">-\n", "|2\n", "#", " #", "\n", "\r\n", "\r", "\t", "  "),
    *("[", "]", "{", "}", ",", "'", '"', "\\", "&a ", "*a", "<<: ", "!x ", "!!str ", "%YAML 1.2\n", "@", "`", "~"),
    *("name: ", "description: ", "when_to_use: ", "metadata:\n  ", "allowed-tools: ", "arguments: ", "hooks:\n  "),
    *("requires:\n  ", "actions:\n  - id: ", "paths: ", "model: ", "user-invocable: ", "argument-hint: [", "true"),
    *("$ARGUMENTS", "$ARGUMENTS[0]", "$0", "$1", "$first", "\\$", "${CLAUDE_SKILL_DIR}", "${CLAUDE_PROJECT_DIR}"),
    *("${CLAUDE_SESSION_ID}", "!`ls`", "!`", "```!\n", "```\n", "~~~", "Bash(git *)", "Bash(", "(", ")", "mcp__a__*"),
    *(" && ", " || ", ";", "|", "&", "$(", "<(", "<<EOF\n", "EOF\n", ">", "2>&1", "if ", "then", "fi", "for x in "),
    *("\ufeff", "\u2028", "\x85", "\x00", "\u202e", "\U0001f600", "\U000e0041", "é", "\uff4d", "\u200b"),
]


SEEDS = [
    b"---\nname: my-skill\ndescription: Use when: x\nmetadata:\n  version: 1.0\nallowed-tools: Bash(ls *), Read\n---\n",
    b"\xef\xbb\xbf---  \r\nname: a\r\nargument-hint: [topic: a | b]\r\nuser-invocable: off\r\n---\r\nBody",
    b"---\nhooks:\n  PreToolUse:\n  - matcher: Bash\n    hooks:\n    - type: command\n      command: ./x.sh\n---\n",
    b"---\nrequires: {bins: [git], env: [A]}\nactions:\n- id: a\n  path: scripts/a.py\n  required: [x]\n---\n",
    b"---\ndescription: >-\n  one\n  two\npaths: src/**, '*.py'\nmodel: inherit\neffort: high\ncontext: fork\n---\n",
    b'one "two three"\nfirst second\nRun $first, $1, $ARGUMENTS[0], \\$1.0 and !`git status` in ${CLAUDE_SKILL_DIR}\n',
    b'x\n\n```!\ngit log -1 $ARGUMENTS\n```\nand `no !`command`, but !`echo "$0" | head`',
    b"Bash(git add:*), Read(./src/**) mcp__a__b WebFetch(domain:x.org)",
    b"git add *\ngit status && (cd /tmp; ls | head -5) > out.txt",
    b'echo "a b" | git status; for x in 1 2; do ls -la; done 2>/dev/null',
    b"ls && echo <<EOF\nx $(ls)\nEOF\n",
    b"/a /b /c one two",
]

# Each of these once broke a promise: a quote lost in a repair, fields lost beside a bad value, a message that is not
# printable, text taken out of the middle of a line, a parser that read beyond its tables and ended the process.
BROKEN = [
    b'Cut it: 5"',
    b'["',
    b"|0",
    b"[R, &bG, pe, &bG, ]#",
    b'---\narguments: ["\x1b[31m", \'|\xd7\x8a\xe2\x80\xaepdate]"name\']\n---\n',
    b"---\nhooks:\n  Pre\xf3\xa0\x81\x81 hooks:\n    - type: cname: \n  command: ./x.sh\n---\n",
    b"Made by **A (B)** model 3. Then",
    b"!`echo - Read\n  - Grep`",
    "{\U0010ffff".encode(),
    "{1..\U0010ffff}".encode(),
    b'{\xf3\xa0\x81\x81\xca\xa0 bdemo\ndescription: Says hello.\neffort: mat"',
]


def seeds() -> list[bytes]:
    """Return the inputs to start from: those above and every text in the inputs of the conformance corpus."""
    found = {*SEEDS, *BROKEN}
    for file in CASES.rglob("*.json"):
        for case in json.loads(file.read_text(encoding="utf-8"))["cases"]:
            found.update(text.encode() for text in _texts(case["input"]) if len(text) < LONGEST)
    return sorted(found)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text within JSON; a list of texts is lines."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        yield "\n".join(value) + "\n"
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))


def mutate(seed: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Return `seed` with a few random edits: tokens put in, spans cut, doubled or taken from another seed."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 8)):
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.randint(0, 12))
        other = chance.choice(others)
        cut = chance.randint(0, len(other))
        replacement = chance.choice(
            [
                chance.choice(TOKENS).encode(),
                bytes(data[start:end]) * 2,
                other[cut : cut + 40],
                bytes([chance.randrange(256)]),
                b"",
            ]
        )
        data[start:end] = replacement
    return bytes(data)
