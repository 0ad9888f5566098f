"""Reads the corpus: which cases there are, and the text, bytes and directory trees that their JSON describes.

Nothing here is about one implementation. `python tests/conformance/corpus.py DIRECTORY` writes every case into a
directory of its own, with the input as real files; `--unspecified` prints the table of the README instead.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
FILES = tuple(sorted((HERE / "cases").glob("*/*.json")))
SKILL_AREAS = ("parse", "fields", "names", "validate")
_DIRECTORY = "demo"


@dataclass(frozen=True, slots=True)
class Case:
    """One case as the JSON has it; `name` is `area/topic/id` and unique."""

    name: str
    area: str
    title: str
    source: str
    input: Mapping[str, Any]
    expect: Mapping[str, Any]
    needs: tuple[str, ...] = ()


def cases() -> list[Case]:
    """Return every case, in order of name of file and then as written."""
    return [
        Case(
            name=f"{document['area']}/{file.stem}/{case['id']}",
            area=document["area"],
            title=case["title"],
            source=case["source"],
            input=case["input"],
            expect=case["expect"],
            needs=tuple(case.get("needs", ())),
        )
        for file in FILES
        for document in [json.loads(file.read_text(encoding="utf-8"))]
        for case in document["cases"]
    ]


def line(value: Any) -> str:
    """Return one line: a string, a repeated piece, or a list of those that are joined."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(line, value))
    times: int = value["times"]
    return f"{value.get('text', '')}{value['repeat'] * times}{value.get('end', '')}"


def content(value: Any) -> bytes:
    """Return the bytes of a file: exact text, lines that each end in a newline, base64, or a smallest skill."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return "".join(f"{line(one)}\n" for one in value).encode()
    if "base64" in value:
        return base64.b64decode(value["base64"])
    if "skill" in value:
        name = [f"name: {value['name']}"] if "name" in value else []
        return content(["---", *name, f"description: {value['skill']}", "---", "Do it."])
    return "".join(line(one) + value["eol"] for one in value["lines"]).encode()


def write_tree(tree: Mapping[str, Any], root: Path) -> None:
    """Make the files, directories and links of `tree` beneath `root`."""
    for name, value in tree.items():
        path = root / name
        if isinstance(value, dict) and value.get("dir"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(value, dict) and "link" in value:
            path.symlink_to(value["link"])
        else:
            path.write_bytes(content(value))


def skill_tree(case: Case) -> tuple[str, dict[str, Any]]:
    """Return the skill's directory and its files, for a case of `SKILL_AREAS`."""
    directory = line(case.input.get("directory", _DIRECTORY))
    files = dict(case.input.get("files", {}))
    if "skill_md" in case.input:
        files["SKILL.md"] = case.input["skill_md"]
    return directory, {f"{directory}/{name}": value for name, value in files.items()}


def catalog_tree(skills: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files of the skills of a case of the area "catalog"."""
    return {
        f"{name}/SKILL.md": ["---", f"name: {name}", *lines, "---", f"Body of {name}."]
        for name, lines in skills.items()
    }


def skill_files() -> list[bytes]:
    """Return the bytes of every SKILL.md in the corpus, for programs that want inputs and no expectations."""
    trees = [skill_tree(case)[1] for case in cases() if case.area in SKILL_AREAS]
    return [content(value) for tree in trees for name, value in tree.items() if name.endswith("/SKILL.md")]


def unpack(target: Path) -> None:
    """Write each case to `target/area/topic/id`: `case.json`, and beside it what `input` describes as files."""
    for case in cases():
        root = target / case.name
        root.mkdir(parents=True)
        document = {"title": case.title, "source": case.source, "input": case.input, "expect": case.expect}
        (root / "case.json").write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
        if case.area in SKILL_AREAS:
            write_tree(skill_tree(case)[1], root)
        elif case.area == "discovery":
            write_tree(case.input["tree"], root)
        elif case.area == "catalog":
            write_tree(catalog_tree(case.input["skills"]), root)


def unspecified() -> list[str]:
    """Return the lines of a Markdown table: what the sources leave open, under which profiles, and why."""
    rows = [
        f"| {case.name} | {', '.join(where) or '-'} | {why} |"
        for case in cases()
        for why, where in _reasons(case.expect).items()
    ]
    return ["| Case | Where | Why it is open |", "|---|---|---|", *rows]


def _reasons(expect: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return each reason in an expectation with the profiles, presets or uses that it is given for."""
    found: dict[str, list[str]] = {expect["unspecified"]: []} if "unspecified" in expect else {}
    for use in expect.get("uses", ()):
        if "unspecified" in use:
            found.setdefault(use["unspecified"], []).append(f"`{use['detail'] or use['tool']}`".replace("|", "\\|"))
    for label, outcome in expect.items():
        if isinstance(outcome, dict) and "unspecified" in outcome:
            found.setdefault(outcome["unspecified"], []).append(label)
    return found


def _main(argument: str) -> None:
    if argument == "--unspecified":
        sys.stdout.write("\n".join([*unspecified(), ""]))
    else:
        unpack(Path(argument))


if __name__ == "__main__":
    if len(sys.argv) != 2 or os.path.lexists(sys.argv[1]):
        sys.exit(f"usage: python {sys.argv[0]} DIRECTORY, one that does not exist yet, or --unspecified")
    _main(sys.argv[1])
