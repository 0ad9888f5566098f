"""YAML text → nodes: the quick way and the careful way agree, and a hostile text is stopped by a limit."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from openskills_core.format.composer import compose, compose_carefully, compose_quickly
from openskills_core.format.nodes import MAX_DEPTH, MAX_NODES, Node, YamlError

if TYPE_CHECKING:
    from collections.abc import Callable


def careful(source: str) -> Node | str | None:
    """Return the tree of the careful way, or what it complains of."""
    try:
        return compose_carefully(source)
    except YamlError as error:
        return error.problem


_WORDS = st.text(alphabet="ab1:-#'\"[]{}&*!|>%@`,?. \n\t\\~=é\u2028🎉", max_size=30)
_SCALARS = st.one_of(
    _WORDS,
    st.sampled_from(["a b", "'it''s'", '"a\\n\\u00e9"', "|\n  a\n   b\n", ">-\n  a\n  b\n", "!!str 1", "!t x", "~"]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(inner, max_size=3).map(lambda items: "{" + ", ".join(f"k: {item}" for item in items) + "}"),
        st.lists(inner, max_size=3).map(lambda items: "".join(f"\n  - {item}" for item in items)),
        st.lists(inner, max_size=3).map(lambda items: "".join(f"\n  k: {item}" for item in items)),
        inner.map(lambda item: f"&a {item}"),
    ),
    max_leaves=6,
)
_ENTRIES = st.tuples(st.sampled_from(["name", "a", "? b\n", "'c d'", "- "]), _VALUES).map(
    lambda pair: f"{pair[0]}: {pair[1]}"
)
_YAML = st.one_of(_WORDS, st.lists(_ENTRIES, max_size=5).map("\n".join))


@given(_YAML)
@example("a: é [b, {c: d}] 🎉\nb: [é, {c: 🎉 d}]\n")
@example("a: &x [1]\nb: [*x, *x]")
@example("- a\n- b: c\n  d:\n  - e")
@example("a: !x [b]\nc: !y d e\nf: !!str 1\ng: ! h")
@example("%YAML 1.1\n---\na: b\n...\n")
@example("--- a: b")
@example("? a\n: - b\n? - c\n: d")
@example("a: 'b\n\n  c'\nd: |2\n    e\n\n\nf: >+\n  g\n\n")
def test_both_ways_to_compose_give_the_same_tree(source: str) -> None:
    """What the quick way does not leave to the careful one is equal in every kind, text, line and child."""
    quick = compose_quickly(source)
    assert quick is None or quick == careful(source)


@given(_YAML)
def test_the_reader_without_libyaml_gives_the_same_tree(source: str) -> None:
    """PyYAML is also installed without its C part; where both read a text they read the same.

    Only where an empty value stands, after a lone `?`, the two do not agree, and nothing is reported there.
    """
    with_libyaml = careful(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(yaml, "CSafeLoader")
        assert compose_quickly(source) is None
        without = careful(source)
    if isinstance(with_libyaml, Node) and isinstance(without, Node):
        assert _placed(with_libyaml) == _placed(without)


def _placed(node: Node) -> Node:
    """Return a tree whose empty values stand nowhere."""
    return node._replace(line=node.line if node.text else 0, children=tuple(map(_placed, node.children)))


@pytest.mark.parametrize(
    "source",
    [
        "name: my-skill\ndescription: Does it for *.py & **/*.md.\nallowed-tools:\n  - Read\n  - Bash(git add *)\n",
        "metadata: {a: 1.0, b: [x, y]}\nargument-hint: '[a|b]'\ndescription: >-\n  Some\n  text",
    ],
)
def test_ordinary_frontmatter_takes_the_quick_way(source: str) -> None:
    """It is what discovery spends its time with."""
    assert compose_quickly(source) is not None


@pytest.mark.parametrize(
    "source",
    [
        "a: &x b\nc: *x",
        "a: " + "[" * 201,
        "a: !local b",
        "a: " + "b" * 9000,
        "\n".join(" " * depth + "a:" for depth in range(MAX_DEPTH + 1)),
        "a: [",
        "a: b\n...\n---\nc: d",
        "",
    ],
)
def test_what_may_be_hostile_takes_the_careful_way(source: str) -> None:
    """Aliases, depth and size are counted there, and mistakes explained."""
    assert compose_quickly(source) is None


def _block(levels: int) -> str:
    return "\n".join(" " * depth + "a:" for depth in range(levels))


@pytest.mark.parametrize(
    "nest",
    [
        lambda levels: "[" * levels + "]" * levels,
        lambda levels: "{a: " * levels + "}" * levels,
        lambda levels: "- " * levels + "x",
        lambda levels: "? " * levels + "x",
        lambda levels: "- ? " * (levels // 2) + "x",
        _block,
    ],
    ids=["brackets", "braces", "dashes", "questions", "mixed", "indentation"],
)
def test_the_limit_of_depth_is_the_same_whichever_way_is_taken(nest: Callable[[int], str]) -> None:
    """One level below it is read, the next is refused as past repair, and a thousand are as one."""
    assert compose(nest(MAX_DEPTH)) == compose_carefully(nest(MAX_DEPTH))
    for levels in (MAX_DEPTH + 2, 100, 1000):
        with pytest.raises(YamlError, match="nested over 32 deep") as caught:
            compose(nest(levels))
        assert caught.value.final


@pytest.mark.parametrize("form", ["[", "{a: ", "- ", "? ", "- ? ", "&a [", "!t [", "[? "])
def test_a_nest_of_any_depth_does_not_crash_the_process(form: str) -> None:
    """The composer of libyaml calls itself for each level, and threads have little stack: it must see no such text."""
    script = (
        "import sys, threading; from pathlib import Path; from openskills_core.format import parse_skill\n"
        "def read():\n"
        "    for levels in (100, 190, 1_000, 10_000, 60_000):\n"
        "        source = sys.argv[1] * levels\n"
        "        for text in (source[:60_000], 'a: ' + source[:60_000], 'a:\\n  ' + source[:60_000] + 'x'):\n"
        "            parse_skill(f'---\\n{text}\\n---\\n'.encode(), Path('SKILL.md'), 'x')\n"
        "threading.stack_size(256 * 1024); thread = threading.Thread(target=read); thread.start(); thread.join()\n"
        "print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", script, form], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


def alias_bomb() -> str:
    """Return a small text whose aliases expand to 9 to the power of 9 letters."""
    names = "abcdefghi"
    lines = [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in itertools.pairwise(names)]
    return "\n".join(["a: &a [x, x, x, x, x, x, x, x, x]", *lines, "description: *i"])


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (alias_bomb(), "aliases add more than"),
        ("a: &a [b]\nc: &a [*a, *a]\nd: [" + "*a, " * 20_000 + "]", "values"),
        (", ".join(["a: [b"] + ["b"] * MAX_NODES) + "]", "over 5000 values"),
        ("a: &a [*a]", "*a names nothing"),
    ],
)
def test_hostile_yaml_is_refused_by_a_limit(source: str, complaint: str) -> None:
    """The complaint says which."""
    assert complaint in str(careful(source))
