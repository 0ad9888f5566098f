"""This implementation against the corpus: one test a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.comparing import differences, recorded
from tests.conformance.corpus import Case, cases
from tests.conformance.ours import DIFFERS, HAS, observations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CASES = [case for case in cases() if set(case.needs) <= HAS]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, tmp_path: Path) -> None:
    """What a source specifies comes out, and what none does as it is recorded; what is in DIFFERS does not."""
    found = list(_differences(case, tmp_path))
    if case.name in DIFFERS:
        assert found, "there is no difference any more: take it out of DIFFERS and of the README"
    else:
        assert not found, case.title


def _differences(case: Case, root: Path) -> Iterator[str]:
    for label, expected, observe in observations(case):
        where = root / label.replace(":", "-")
        where.mkdir()
        actual = observe(where)
        for part, heading in ((expected, label), (recorded(expected), f"{label} (here)")):
            yield from (f"{heading}: {difference}" for difference in differences(part, actual))
