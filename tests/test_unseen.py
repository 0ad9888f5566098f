"""What nobody sees is taken out of text, and what scripts and emoji need stays."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openskills_core.unseen import is_seen, one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two\nlines\tand  spaces", "two lines and spaces"),
        ("no\u00a0break\u2028line\u3000wide", "no break line wide"),
        ("bidi \u202egnp.exe\u2069", "bidi gnp.exe"),
        ("zero\u200bwidth\ufeff, tag\U000e0041", "zerowidth, tag"),
        ("a \u200b b", "a b"),
        ("bell\x07 escape\x1b[0m", "bell escape[0m"),
        ("half \ud800 pair", "half pair"),
        ("selectors: a\ufe00b\ufe0fc\U000e0100\U000e01efd", "selectors: abcd"),
        ("fillers\u115f\u1160\u3164\uffa0\u034f\u180e", "fillers"),
        ("no character\ufffe\uffff\ufdd0", "no character"),
        ("soft\u00adhyphen", "softhyphen"),
        ("latin a\u200db\u200cc", "latin abc"),
        ("नमस्\u200dते می\u200cرود 👩\u200d💻", "नमस्\u200dते می\u200cرود 👩\u200d💻"),
        ("joiners 👩\u200d\u200d\u200c\u200d💻", "joiners 👩\u200d💻"),
        ("❤\ufe0f 1\ufe0f\u20e3 ❤\ufe0f\ufe0f", "❤\ufe0f 1\ufe0f\u20e3 ❤\ufe0f"),
        ("naïve 日本語 ελληνικά", "naïve 日本語 ελληνικά"),
        ("", ""),
    ],
)
def test_one_line_drops_what_nobody_sees(text: str, expected: str) -> None:
    """Control, reordering, hidden and filling characters go; joiners and emoji styles stay where they do something."""
    assert one_line(text) == expected


@given(st.text(st.characters(), max_size=40))
def test_one_line_is_one_line_and_stays_as_it_is(text: str) -> None:
    """The result has no line end and no control, and cleaning it again changes nothing."""
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert {unicodedata.category(character) for character in line} & {"Cc", "Cs", "Zl", "Zp"} == set()
    assert one_line(line) == line
    assert all(map(is_seen, line))
