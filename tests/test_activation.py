"""Activation: a skill and its arguments become the instructions a model reads."""

from __future__ import annotations

from pathlib import Path

from openskills_core.activation import MAX_RESOURCES, activate
from openskills_core.registry import Location, Registry


def write_skill(directory: Path, body: str = "Body\n", fields: str = "description: D") -> Path:
    """Write a SKILL.md into `directory`, made when missing."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "SKILL.md").write_text(f"---\n{fields}\n---\n{body}", encoding="utf-8")
    return directory


def registry(directory: Path) -> Registry:
    """Return a registry of one directory."""
    return Registry([Location(directory)])


def test_activation_renders_the_body_and_lists_the_other_files(tmp_path: Path) -> None:
    """Everything a model needs to begin is in one value."""
    root = write_skill(
        tmp_path / "one",
        "Fix $issue in ${CLAUDE_PROJECT_DIR} with ${CLAUDE_SKILL_DIR}/a.sh\n",
        "name: one\ndescription: D\narguments: issue\nallowed-tools: Read\ndisallowed-tools: Write\nmodel: opus\n"
        "effort: low\ncontext: fork\nagent: Explore",
    )
    (root / "scripts").mkdir()
    (root / "scripts" / "a.sh").write_text("", encoding="utf-8")
    (root / "b.txt").write_text("", encoding="utf-8")
    active = activate(registry(tmp_path), "one", "12", project_dir=Path("/work"))
    assert active.instructions == f"Fix 12 in /work with {root}/a.sh"
    assert (active.id, active.name, active.skill_dir) == ("one", "one", root)
    assert (active.allowed_tools, active.disallowed_tools) == (("Read",), ("Write",))
    assert (active.model, active.effort, active.context, active.agent) == ("opus", "low", "fork", "Explore")
    assert (active.resources, active.missing, active.diagnostics) == (("b.txt", "scripts/a.sh"), (), ())


def test_resources_are_capped(tmp_path: Path) -> None:
    """The first ones by name are kept."""
    root = write_skill(tmp_path / "one")
    for number in range(MAX_RESOURCES + 5):
        (root / f"{number:03}.txt").write_text("", encoding="utf-8")
    resources = activate(registry(tmp_path), "one").resources
    assert (len(resources), resources[0], resources[-1]) == (MAX_RESOURCES, "000.txt", "199.txt")
