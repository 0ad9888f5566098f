"""Files that are no plain UTF-8: read as far as they can be, with the one sentence that helps."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openskills_core.format import ParsedSkill, parse_skill
from openskills_core.format.encoding import decode

TEXT = "---\nname: my-skill\ndescription: Grüße 技能\n---\nBody\n"


def parse(data: bytes) -> ParsedSkill:
    """Parse `data` as the SKILL.md of `my-skill`."""
    return parse_skill(data, Path("/skills/my-skill/SKILL.md"), "my-skill")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("marked", [True, False], ids=["marked", "unmarked"])
def test_a_wide_encoding_is_read_and_reported(codec: str, marked: bool) -> None:
    """Some editors save so, with or without a byte-order mark; other clients see no skill at all."""
    skill = parse((f"\ufeff{TEXT}" if marked else TEXT).encode(codec))
    assert (skill.description, skill.body, skill.body_line) == ("Grüße 技能", "Body", 5)
    (note,) = skill.diagnostics
    assert (note.code, note.severity, note.line) == ("not-utf-8", "error", 1)
    assert f"it is {codec[:6].upper()}" in note.message


@pytest.mark.parametrize(
    "data", [b"\0", b"\0\0\0\0", b"a\0", b"--\0-\0", codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE + b"\xff"]
)
def test_a_few_zero_bytes_make_no_encoding(data: bytes) -> None:
    """Rubbish stays rubbish and does not raise."""
    assert parse(data).manifest.name == "my-skill"


def test_bytes_that_are_not_utf8_are_replaced_and_reported() -> None:
    """The first one is named with its line; the rest of the skill still counts."""
    skill = parse(b"---\nname: my-skill\ndescription: caf\xe9\n---\nBody \xff")
    assert (skill.description, skill.body) == ("caf\ufffd", "Body \ufffd")
    (note,) = skill.diagnostics
    assert (note.code, note.severity, note.line) == ("not-utf-8", "error", 3)
    assert "byte 0xe9" in note.message


@pytest.mark.parametrize("far", [255, 256, 257, 300])
def test_a_bad_byte_is_found_wherever_it_is(far: int) -> None:
    """Long files are looked at in pieces."""
    body = ("é" * (far * 512) + "\n").encode()
    skill = parse(b"---\ndescription: D\n---\n" + body + b"\xe9")
    assert [(note.code, note.line) for note in skill.diagnostics] == [("not-utf-8", 5)]
    assert parse(b"---\ndescription: D\n---\n" + body).diagnostics == ()


def test_carriage_returns_alone_end_lines_too() -> None:
    """Nobody writes such files any more, but a skill in one is read, and its author told."""
    skill = parse(b"---\rname: my-skill\rdescription: D\r---\rone\rtwo")
    assert (skill.description, skill.body, skill.body_line) == ("D", "one\ntwo", 5)
    assert [note.code for note in skill.diagnostics] == ["bare-cr"]


def test_line_breaks_that_only_yaml_knows_are_blanks() -> None:
    """They would shift every line number below them, and no author sees them."""
    skill = parse("---\ndescription: a\u2028b\x85c\ufeff d\nuser-invocable: maybe\n---\n".encode())
    assert (skill.description, skill.diagnostics[0].line) == ("a b c d", 3)


def test_carriage_returns_in_the_body_stay() -> None:
    """Only the frontmatter is normalised."""
    assert parse(b"---\r\ndescription: D\r\n---\r\none\r\ntwo\r\n").body == "one\r\ntwo"


_BYTES = st.lists(st.sampled_from([b"a", "é".encode(), "技".encode(), "🎉".encode(), b"\xff", b"\xe6", b"\x8a", b"\n"]))


@given(_BYTES, st.integers(4, 9))
def test_decoding_in_pieces_gives_the_same_text(parts: list[bytes], piece: int) -> None:
    """However the pieces fall, also where the bytes are no UTF-8."""
    data = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("openskills_core.format.encoding._PIECE", piece)
        assert decode(data, 0, len(data)) == data.decode("utf-8", errors="replace")
