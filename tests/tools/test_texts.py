"""What is done to text before a model sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openskills_core.tools.texts import (
    MAX_CHARACTERS,
    cleaned,
    encodable,
    head,
    head_and_tail,
    listing,
    named,
    window,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\ttext\r\nnext", "plain\ttext\r\nnext"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07shown", "shown"),
        ("\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]unfinished\nnext line stays", "\nnext line stays"),
        ("\x9b2Jgone \x1bcreset", "gone reset"),
        ("10%\r20%\rdone", "10%\n20%\ndone"),
        ("a\x00b\x08c\x7fd\x85e\u2028f", "abcdef"),
        ("half \ud800 pair", "half  pair"),
        ("naïve 日本 👩\u200d💻", "naïve 日本 👩\u200d💻"),
    ],
)
def test_cleaned_keeps_text_and_drops_control(text: str, expected: str) -> None:
    """Terminal sequences and control characters go; everything a person reads stays."""
    assert cleaned(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain name.txt", "plain name.txt"),
        ("naïve/日本 語.txt", "naïve/日本 語.txt"),
        ("1.00\u202fPM \u3000.png", "1.00\u202fPM \u3000.png"),
        ("👩\u200d💻.md", "👩\u200d💻.md"),
        ("it's", "it's"),
        ("b\nexit code 0", "'b\\nexit code 0'"),
        ("a\rb", "'a\\rb'"),
        ("a\u2028b\u2029c\x85d\x0be", "'a\\u2028b\\u2029c\\x85d\\x0be'"),
        ("\x1b[2Jx", "'\\x1b[2Jx'"),
        ("\u202egnp.exe", "'\\u202egnp.exe'"),
        ("\udcff.txt", "'\\udcff.txt'"),
    ],
)
def test_a_name_stays_on_its_line_and_shows_all_it_holds(name: str, expected: str) -> None:
    """What people can see is shown as it is, anything else quoted with escapes; cleaning changes neither."""
    assert named(name) == expected
    assert cleaned(named(name)) == expected


NESTED: Any = []
for _ in range(100_000):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, None, True, "ü😀\n"]}, {"a": [1, 2.5, None, True, "ü😀\n"]}),
        ("\udcff.txt", "\\udcff.txt"),
        ({"\ud800": ['\\\ud83d\ude00"', {}]}, {"\\ud800": ['\\\\ud83d\\ude00"', {}]}),
        (NESTED, None),
    ],
    ids=["plain", "name", "keys", "deep"],
)
def test_data_can_be_written_as_json_in_utf8(value: Any, expected: Any) -> None:
    """Halves of surrogate pairs are spelled out, wherever they are."""
    assert encodable(value) == expected
    json.dumps(encodable(value), ensure_ascii=False).encode()


def test_windows_put_together_are_the_text() -> None:
    """Reading on from each next line gives the text back, byte for byte, whatever its line ends."""
    text = "".join(f"line {number}\u2028\r\n" for number in range(95)) + "no end"
    parts, start = [], 1
    while start:
        page = window(text, start, 10)
        parts.append(page.text)
        start = page.next_line or 0
    assert "".join(parts) == text
    assert len(parts) == 10


@pytest.mark.parametrize(("text", "total"), [("", 0), ("\n", 1), ("a", 1), ("a\n", 1), ("a\nb", 2)])
def test_window_counts_lines_as_people_do(text: str, total: int) -> None:
    """A line end at the end of a file begins no further line."""
    page = window(text, 1, 10)
    assert (page.total, page.text, page.with_note()) == (total, text, text)


def test_window_stays_within_the_character_limit() -> None:
    """Long lines make a window shorter, and the note says where to go on."""
    page = window(("x" * 999 + "\n") * 150, 1, 2000)
    assert (page.last, page.next_line, len(page.text)) == (100, 101, MAX_CHARACTERS)
    assert page.with_note().endswith("\n[lines 1-100 of 150; continue with offset=101]")


def test_line_longer_than_the_limit_is_cut_and_passed() -> None:
    """One huge line is cut, and says so, and reading goes on after it."""
    page = window("x" * (MAX_CHARACTERS + 5) + "\nnext\n", 1, 2000)
    note = "[lines 1-1 of 2; line 1 is longer than 100,000 characters and cut; continue with offset=2]"
    assert (len(page.text), page.with_note().rpartition("\n")[2]) == (MAX_CHARACTERS, note)
    assert window("a\n" + "x" * (MAX_CHARACTERS + 5), 1, 2000).next_line == 2


def test_both_ends_of_output_are_kept() -> None:
    """The start and the end survive, and what is missing is counted."""
    text = "first\n" + "middle\n" * 10_000 + "last"
    shown, cut = head_and_tail(text, 1000, "stdout")
    assert cut
    assert shown.startswith("first\nmiddle\n")
    assert shown.endswith("middle\nlast")
    kept = shown.partition("\n[")[0], shown.partition("]\n")[2]
    missing = len(text) - len(kept[0]) - 1 - len(kept[1])
    assert f"[{missing:,} characters of stdout cut here; " in shown
    assert len(shown) < 1200
    assert head_and_tail("short", 1000, "stdout") == ("short", False)


def test_head_says_how_much_is_missing() -> None:
    """A cut at a line end, with the number of characters left out."""
    shown, cut = head("a" * 59_999 + "\n" + "b" * 60_000, "read on")
    assert (cut, shown) == (True, "a" * 59_999 + "\n[60,000 more characters; read on]")


def test_listing_says_how_many_are_missing() -> None:
    """Whole entries only, with both numbers."""
    assert listing(["a", "b", "c"], 2, "narrow it") == ("a\nb\n[2 of 3 entries; narrow it]", True)
    assert listing(["a", "b"], 2, "narrow it") == ("a\nb", False)
