"""What is listed of each skill, and how a catalog that is too large is shortened."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openskills_core.catalog import DEFAULT_BUDGET, MAX_DESCRIPTION, MAX_NAMES, MIN_DESCRIPTION, Catalog, described
from openskills_core.models import SkillInfo


def info(skill_id: str, description: str, when_to_use: str = "") -> SkillInfo:
    """Return a skill with this description."""
    return SkillInfo(skill_id, skill_id, description, "custom", Path("x"), when_to_use)


@pytest.mark.parametrize(
    ("description", "when_to_use", "expected"),
    [
        ("Greets people.", "When asked to.", "Greets people. - When asked to."),
        ("Greets people.", "", "Greets people."),
        ("", "When asked to.", "When asked to."),
        ("  two\n lines ", " \n", "two lines"),
        ("a" * 1_536, "", "a" * 1_536),
        ("a" * 1_537, "", "a" * 1_535 + "…"),
        ("a" * 1_530, "word word", "a" * 1_530 + "…"),
        ("word " * 400, "never shown", " ".join(["word"] * 307) + "…"),
        ("\u200b" * 10_000 + "late", "", ""),
    ],
)
def test_a_description_holds_when_to_use_within_its_bound(description: str, when_to_use: str, expected: str) -> None:
    """Both are one line of at most 1,536 characters, cut behind a word where there is one."""
    assert described(info("x", description, when_to_use)) == expected


def test_what_fits_is_listed_in_full_by_id() -> None:
    """Within the budget nothing is shortened, and the order is that of the ids."""
    catalog = Catalog.of([info("b", "second"), info("a", "first")], budget=11)
    assert [(skill.id, skill.description) for skill in catalog.skills] == [("a", "first"), ("b", "second")]
    assert (catalog.shortened, catalog.unlisted) == (0, 0)


def test_long_descriptions_are_shortened_to_one_length() -> None:
    """The short ones stay whole; the long ones share what is left evenly."""
    texts = {"a": "x" * 400, "b": "short", "c": "y" * 300, "d": "z" * 90}
    catalog = Catalog.of([info(name, text) for name, text in texts.items()], budget=505)
    lengths = {skill.id: len(skill.description) for skill in catalog.skills}
    assert lengths == {"a": 205, "b": 5, "c": 205, "d": 90}
    assert catalog.shortened == 2
    assert catalog.skills[0].description == "x" * 204 + "…"


def test_when_too_little_is_left_for_each_the_last_are_names_alone() -> None:
    """A few words say something, a few letters nothing: so some have them and the others have a name."""
    catalog = Catalog.of([info(f"s{n}", "x" * 200) for n in range(10)], budget=250)
    assert [len(skill.description) for skill in catalog.skills] == [MIN_DESCRIPTION] * 4 + [0] * 6
    assert catalog.shortened == 10
    assert [skill.description for skill in Catalog.of([info("a", "text")], budget=0).skills] == [""]


def test_names_end_at_a_thousand() -> None:
    """Past that the catalog says how many are missing."""
    catalog = Catalog.of([info(f"s{n:05}", "d") for n in range(MAX_NAMES + 7)])
    assert (len(catalog.skills), catalog.unlisted) == (MAX_NAMES, 7)


@given(
    st.lists(st.text(max_size=80) | st.text("ab ", max_size=3_000), max_size=30),
    st.integers(min_value=0, max_value=DEFAULT_BUDGET),
)
def test_no_catalog_is_over_its_budget(texts: list[str], budget: int) -> None:
    """Whatever the descriptions, all names are there, the sum keeps within the budget, and the same gives the same."""
    skills = [info(f"s{n:02}", text) for n, text in enumerate(texts)]
    catalog = Catalog.of(skills, budget)
    assert [skill.id for skill in catalog.skills] == [skill.id for skill in skills]
    assert sum(len(skill.description) for skill in catalog.skills) <= budget
    assert all(len(skill.description) <= MAX_DESCRIPTION for skill in catalog.skills)
    assert catalog == Catalog.of(list(reversed(skills)), budget)
