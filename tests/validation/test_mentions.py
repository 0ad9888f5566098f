"""Which files a text speaks of, and which it does not, in the words real skills use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openskills_core.validation.mentions import Mention, find_mentions


def targets(text: str) -> list[str]:
    """Return the files a text names, in order."""
    return [mention.target for mention in find_mentions(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See [the guide](references/guide.md).", ["references/guide.md"]),
        ("See [the guide](./guide.md#part-2).", ["guide.md"]),
        ("![logo](assets/logo.png 'Our logo')", ["assets/logo.png"]),
        ("[a](a.md) and [b](b.md)", ["a.md", "b.md"]),
        ("[odd](<my file.md>) [spaced](my%20file.md) [(x)](a(1).md)", ["my file.md", "my file.md", "a(1).md"]),
        ("[up](../other/SKILL.md)", ["../other/SKILL.md"]),
        ("[folder](references/)", ["references/"]),
        ("[it]: references/it.md", ["references/it.md"]),
        ("[x]({baseDir}/x.md) [y](${CLAUDE_SKILL_DIR}/y.md)", ["x.md", "y.md"]),
    ],
)
def test_links_name_files(text: str, expected: list[str]) -> None:
    """Links, images and link definitions do, with or without anchor, title and escapes."""
    assert targets(text) == expected
    assert {mention.kind for mention in find_mentions(text)} == {"link"}


@pytest.mark.parametrize(
    "text",
    [
        "[site](https://example.com/a.md) [mail](mailto:a@example.com) [other](//example.com/a.md)",
        "[part](#part) [site page](/docs/a.md) [text](url) [licence](LICENSE)",
        "[template](path/to/file.md) [any](<name>.md) [any](references/{topic}.md) [any](references/*.md)",
        "`[text](a.md)` and ``[text](`b`.md)``",
        "[^1]: note.md",
        "<!-- [old](old.md) `scripts/old.py`\nstill a comment [old](older.md) -->",
        "```markdown\n[text](a.md)\n```",
        "````\n```bash\n[text](a.md)\n```\n[text](b.md)\n````",
        "```markdown\n```mermaid\na\n```\n[text](a.md)\n```",
        "~~~python\nopen('assets/logo.png')\n~~~",
    ],
)
def test_what_looks_like_a_link_and_names_no_file(text: str) -> None:
    """Other places, placeholders, samples of Markdown and comments do not count."""
    assert targets(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Run `scripts/run.py FILE`.", ["scripts/run.py"]),
        ("Run `python ./scripts/sub/run.py`.", ["scripts/sub/run.py"]),
        ("Load `references/api.md`, then `assets/a.json`.", ["references/api.md", "assets/a.json"]),
        ("Use ``references/a.md``.", ["references/a.md"]),
        ("```bash\npython scripts/run.py in.csv\n```", ["scripts/run.py"]),
        ("```\n$ bash scripts/run.sh\n```", ["scripts/run.sh"]),
        ("1. Run it:\n   ```sh\n   scripts/run.sh\n   ```", ["scripts/run.sh"]),
        ("```bash\npython ${CLAUDE_SKILL_DIR}/tools/run.py\n```", ["tools/run.py"]),
        ('`bash "${CLAUDE_SKILL_DIR}/../x.sh"`', ["../x.sh"]),
        ("Create the project using `scripts/init.sh`.", ["scripts/init.sh"]),
        ("`scripts/make.py --out assets/made.png`", ["scripts/make.py"]),
    ],
)
def test_code_names_files_of_the_usual_folders(text: str, expected: list[str]) -> None:
    """Paths in code spans and in blocks of commands count."""
    assert targets(text) == expected
    assert {mention.kind for mention in find_mentions(text)} == {"code"}


@pytest.mark.parametrize(
    "text",
    [
        "`scripts/<name>.py` `scripts/{name}.py` `scripts/$NAME.py` `scripts/*.py` `scripts/[a-z].py` `scripts/….py`",
        "`scripts/your_script.py` `scripts/my-tool.sh` `scripts/script_name.py` `references/filename.md`",
        "`scripts/` `scripts/deploy` `references/...`",
        "`my-skill/scripts/run.py` `../scripts/run.py` `${CLAUDE_PLUGIN_ROOT}/scripts/run.py` `~/scripts/run.py`",
        "`https://example.com/scripts/run.py` `@scripts/run.py`",
        "For example a `scripts/rotate.py` would do. Others: `references/a.md`",
        "If `references/company.md` exists, read it.",
        "├── `scripts/run.py`",
        "```\n├── scripts/run.py\n```",
        "Save it to `assets/out.json`. Then read `assets/out.json` again.",
        "```bash\npython run.py > assets/out.json\ncat assets/out.json\n```",
        "```bash\ncp template.py scripts/new.py\ncurl -o assets/x.zip https://example.com\n```",
        "[`references/a.md`](https://example.com/a.md)",
        "Paste the result into `assets/result.json`.",
        "```bash\n# scripts/scan.sh\necho a sample of that file\n```",
        "Plain prose about scripts/run.py counts for nothing.",
        "`" + "x" * 5_000 + "scripts/run.py`",
    ],
)
def test_code_that_names_no_file_of_the_skill(text: str) -> None:
    """Placeholders, patterns, examples, drawings, other places, and files that the text says are made."""
    assert targets(text) == []


def test_lines_are_those_of_the_text() -> None:
    """Comments, blocks and line ends do not shift the count."""
    text = "<!-- a\nb -->\n`scripts/a.py`\n```bash\nscripts/b.sh\n```\r\n\n[c](c.md)"
    assert find_mentions(text) == [
        Mention("scripts/a.py", 3, "code"),
        Mention("scripts/b.sh", 5, "code"),
        Mention("c.md", 8, "link"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "`" * 4_000 + "\n",
        "](" * 2_000 + "\n",
        "[a](" * 1_000 + "\n",
        "<!--" * 4_000,
        "`a``b" * 800 + "\n",
        "- ```\n" * 900,
    ],
)
def test_text_made_to_be_slow_is_read_in_one_go(text: str) -> None:
    """The work grows with the text and not with its square: a thousand such lines end within the test's time."""
    assert isinstance(find_mentions(text * 300), list)


@given(st.text(alphabet="`~[]()<>!-#./ab \n\r\t$", max_size=400))
def test_no_text_makes_it_raise(text: str) -> None:
    """Every mention is on a line of the text."""
    for mention in find_mentions(text):
        assert 1 <= mention.line <= text.count("\n") + 1
