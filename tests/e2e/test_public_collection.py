"""Skills that others published, unmodified. Opt-in: they are not part of this repository.

Set OPENSKILLS_COLLECTION to the `skills` directory of a checkout of anthropics/skills, and
OPENSKILLS_COLLECTION_PYTHON to an interpreter that has PyYAML, lxml and defusedxml, which those scripts need; they run
in the sandbox. Set OPENSKILLS_COLLECTIONS to checkouts of any collections, separated like the directories in PATH:
whatever they hold must load.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from openskills_core import OpenSkillRuntime
from openskills_core.format import parse_skill
from openskills_core.format.codes import CODES
from openskills_core.policy.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

COLLECTION = os.environ.get("OPENSKILLS_COLLECTION", "")
PYTHON = os.environ.get("OPENSKILLS_COLLECTION_PYTHON", "")
COLLECTIONS = list(filter(None, os.environ.get("OPENSKILLS_COLLECTIONS", "").split(os.pathsep)))

official = pytest.mark.skipif(not COLLECTION, reason="OPENSKILLS_COLLECTION does not name anthropics/skills")
any_collection = pytest.mark.skipif(not COLLECTIONS, reason="OPENSKILLS_COLLECTIONS names no checkouts")
each_collection = pytest.mark.parametrize("root", COLLECTIONS or ["none"], ids=lambda root: Path(root).name)

FRONTMATTER = re.compile(r"\ufeff?---[ \t]*\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
MAIN_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
DOCUMENT = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/word/document.xml" ContentType="{MAIN_TYPE}"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}" Target="word/document.xml"/></Relationships>',
    "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>Hello</w:t></w:r></w:p></w:body>'
    "</w:document>",
}


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[OpenSkillRuntime]:
    """A runtime over the collection, with the interpreter that has what its scripts import."""
    workspace = tmp_path / "workspace"
    with OpenSkillRuntime.from_directory(COLLECTION, workspace_dir=workspace, python=PYTHON or None) as runtime:
        yield runtime


@official
def test_every_skill_is_listed_and_activates(runtime: OpenSkillRuntime) -> None:
    """Not one is dropped, and each has a description and instructions."""
    expected = {path.parent.name for path in Path(COLLECTION).glob("*/SKILL.md")}
    skills = runtime.discover_skills()
    assert {skill.id for skill in skills} == expected
    assert expected
    for skill in skills:
        active = runtime.activate_skill(skill.id)
        assert skill.description
        assert len(active.instructions) > 100
    assert [diagnostic for diagnostic in runtime.diagnostics if diagnostic.severity == "error"] == []


@official
def test_skill_creator_validates_and_packages_a_skill(runtime: OpenSkillRuntime) -> None:
    """Its scripts import each other as `scripts.…`, from the skill's root."""
    runtime.workspace.write_text(
        "mine/SKILL.md", "---\nname: mine\ndescription: Does mine. Use it here.\n---\nDo it.\n"
    )
    checked = runtime.execute_skill("skill-creator", "scripts/quick_validate.py", args=["mine"])
    assert (checked.stdout, checked.exit_code) == ("Skill is valid!\n", 0)
    packed = runtime.execute_skill("skill-creator", "scripts/package_skill.py", args=["mine", "dist"])
    assert packed.status == "success", packed.stderr
    assert [artifact.path for artifact in packed.artifacts] == ["dist/mine.skill"]
    assert zipfile.ZipFile(runtime.workspace.root / "dist" / "mine.skill").testzip() is None
    usage = runtime.execute_skill("skill-creator", "scripts/aggregate_benchmark.py", args=["--help"])
    assert usage.stdout.startswith("usage:")


@official
def test_docx_unpacks_packs_and_validates_a_document(runtime: OpenSkillRuntime) -> None:
    """The whole cycle, an edit in between, with the schemas that come with the skill."""
    with zipfile.ZipFile(runtime.workspace.root / "in.docx", "w") as archive:
        for name, text in DOCUMENT.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    unpacked = runtime.execute_skill("docx", "scripts/office/unpack.py", args=["in.docx", "unpacked/"])
    assert unpacked.status == "success", unpacked.stderr
    runtime.workspace.edit("unpacked/word/document.xml", "Hello", "Good day")
    packed = runtime.execute_skill(
        "docx", "scripts/office/pack.py", args=["unpacked/", "out.docx", "--original", "in.docx"]
    )
    assert packed.status == "success", packed.stdout + packed.stderr
    checked = runtime.execute_skill("docx", "scripts/office/validate.py", args=["out.docx", "--original", "in.docx"])
    assert checked.status == "success", checked.stdout + checked.stderr
    with zipfile.ZipFile(runtime.workspace.root / "out.docx") as archive:
        assert b"Good day" in archive.read("word/document.xml")


def _skill_directories(root: str) -> Iterator[Path]:
    """Yield every directory beneath a checkout whose children hold a SKILL.md, links to nowhere included."""
    for parent, children, _ in os.walk(root):
        if any(os.path.lexists(f"{parent}/{child}/SKILL.md") for child in children):
            yield Path(parent)


@any_collection
@each_collection
@pytest.mark.timeout(900)
def test_every_skill_of_a_collection_activates_or_is_named(root: str, tmp_path: Path) -> None:
    """Nothing raises, every tool rule reads, and what is on disk is a skill or has a diagnostic that says why not."""
    found: Counter[str] = Counter()
    for directory in _skill_directories(root):
        with OpenSkillRuntime.from_directory(directory, workspace_dir=tmp_path, watch=False) as runtime:
            skills = runtime.list_skills()
            for skill in skills:
                active = runtime.activate_skill(skill.id, 'fix-issue "a b" c')
                for rule in (*active.allowed_tools, *active.disallowed_tools):
                    assert Rule.parse(rule).text == rule
            named = {note.path.parent.name for note in runtime.diagnostics}
            found.update(note.code for note in runtime.diagnostics)
        on_disk = {child.name for child in directory.iterdir() if os.path.lexists(child / "SKILL.md")}
        assert on_disk - {skill.id for skill in skills} <= named, directory
        found["skills"] += len(skills)
    print(f"{root}: {dict(found.most_common())}")  # noqa: T201 - for those who run it with -s
    assert found["skills"]
    assert set(found) - {"skills"} <= set(CODES)


@any_collection
@each_collection
def test_what_plain_yaml_reads_as_text_is_read_as_the_same_text(root: str) -> None:
    """The parser repairs and tolerates more than YAML does; it may never change what YAML understood."""
    compared = 0
    for file in Path(root).rglob("SKILL.md"):
        data = file.read_bytes()
        frontmatter = FRONTMATTER.match(data.decode("utf-8", errors="replace").replace("\r\n", "\n"))
        try:
            fields = yaml.load(frontmatter[1], Loader=yaml.BaseLoader) if frontmatter else None  # noqa: S506 - texts only
        except yaml.YAMLError:
            continue
        if not isinstance(fields, dict):
            continue
        manifest = parse_skill(data, file, file.parent.name).manifest
        for field in ("name", "description", "license", "compatibility"):
            if isinstance(fields.get(field), str) and fields[field].strip():
                assert getattr(manifest, field) == fields[field].strip(), file
                compared += 1
    assert compared
