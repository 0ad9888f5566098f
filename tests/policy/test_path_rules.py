"""Paths in rules: gitignore's patterns, Claude Code's anchors, and what is not known."""

from __future__ import annotations

import random
import warnings

import pytest
from pathspec import GitIgnoreSpec

from openskills_core.policy import Rule, Surroundings
from openskills_core.policy.path_rules import Places, check_pattern, path_matches
from openskills_core.policy.rules import Asked

PLACES = Surroundings(workspace="/home/u/ws", home="/home/u")


@pytest.mark.parametrize(
    ("pattern", "path", "granting", "denying"),
    [
        # A name is found at every depth, and so is all beneath it.
        (".env", ".env", True, True),
        (".env", "a/b/.env", True, True),
        ("**/.env", "a/b/.env", True, True),
        ("**/.env", ".env", True, True),
        ("*.env", "a/x.env", True, True),
        ("secrets", "a/secrets/b/c", True, True),
        ("secrets/", "a/secrets/b", True, True),
        ("secrets/", "secrets", False, True),
        ("secrets/**", "mysecrets/a", False, False),
        # A path begins at the workspace; one directory is found at every depth by what denies.
        ("src/**", "src/a", True, True),
        ("src/**", "src/a/b", True, True),
        ("src/**", "vendor/src/a", False, True),
        ("./src/**", "vendor/src/a", False, True),
        ("/src/**", "src/a", True, True),
        ("/src/**", "vendor/src/a", False, False),
        ("**/src/**", "vendor/src/a", True, True),
        ("src/components/**", "src/components/a", True, True),
        ("src/components/**", "vendor/src/components/a", False, False),
        ("src/**", "src", False, True),
        ("**", "a/b", True, True),
        ("**", ".", False, True),
        ("src/*", "src/a/b", True, True),
        ("src/*.py", "src/a.py", True, True),
        ("src/*.py", "src/a/b.py", False, False),
        ("src/**/test_*.py", "src/test_a.py", True, True),
        ("src/**/test_*.py", "src/a/b/test_a.py", True, True),
        ("/a", "b/a", False, False),
        ("secrets-*/config.json", "secrets-1/config.json", True, True),
        ("[ab]/?", "a/x", True, True),
        ("[!ab]", "a", False, False),
        ("[!ab]", "c", True, True),
        ("[a-c]x", "bx", True, True),
        ("a\\*b", "a*b", True, True),
        ("a\\*b", "axb", False, False),
        ("#a", "#a", True, True),
        ("A", "a", False, False),
        # However it is written.
        ("src/**", "./src/../src/a", True, True),
        ("src/**", "src/../secrets/a", False, False),
        ("secrets/**", "src/../secrets/a", True, True),
        ("src/**", "/home/u/ws/src/a", True, True),
        ("src/**", "/home/u/ws/../ws/src/a", True, True),
        ("src/**", "../ws/src/a", True, True),
        ("src/**", "//home/u/ws//src/a", True, True),
        # A rule holds beneath its anchor only.
        ("src/**", "/src/a", False, False),
        (".env", "/home/u/.env", False, False),
        (".env", "../.env", False, False),
        ("//home/u/.env", "../.env", True, True),
        ("//etc/**", "/etc/passwd", True, True),
        ("//etc/**", "etc/passwd", False, False),
        ("//**/.env", "a/.env", True, True),
        ("//**/.env", "/x/.env", True, True),
        ("//home/u/ws/src/**", "src/a", True, True),
        ("~/.ssh/**", "/home/u/.ssh/id", True, True),
        ("~/.ssh/**", "../.ssh/id", True, True),
        ("~/.ssh/**", ".ssh/id", False, False),
        ("~/*.pdf", "/home/u/a.pdf", True, True),
        ("~/*.pdf", "/home/u/x/a.pdf", False, False),
        ("~/.ssh/**", "~/.ssh/id", False, True),
        ("src/**", "", False, False),
    ],
)
def test_a_path_pattern(pattern: str, path: str, *, granting: bool, denying: bool) -> None:
    """What allows is narrow, what denies is wide where the two differ."""
    rule, asked = Rule.parse(f"Read({pattern})"), Asked("read_file", path, PLACES)
    assert rule.allows(asked) is granting
    assert (rule.forbids(asked) == "") is denying


@pytest.mark.parametrize(
    ("pattern", "path", "granting", "denying"),
    [
        ("src/**", "src/a", True, True),
        ("src/**", "/x/src/a", False, True),
        ("src/a/**", "/x/src/a/b", False, True),
        ("src/**", "../src/a", False, True),
        ("src/**", "/x/y", False, False),
        ("//x/**", "/x/y", True, True),
        ("//x/**", "x/y", False, False),
        ("~/x", "/home/u/x", False, False),
    ],
)
def test_where_the_workspace_is_not_known(pattern: str, path: str, *, granting: bool, denying: bool) -> None:
    """An absolute path may lie in it for what denies, and does not for what allows."""
    assert path_matches(pattern, path, Places(), grants=True) is granting
    assert path_matches(pattern, path, Places(), grants=False) is denying


PARTS = ["a", "b", "**", "*", "a*", "*b", "?", "[ab]", "[!a]", "a.b", "*.b", "\\*", "b*a", "a?b"]
NAMES = ["a", "b", "c", "a.b", "ab", "*", "ba", "bxa", ".b"]


@pytest.mark.parametrize("seed", range(5))
def test_patterns_match_as_gitignore_does(seed: int) -> None:
    """`pathspec` agrees about random patterns, but for a `**/` at the end, which is about directories alone."""
    pick = random.Random(seed)  # noqa: S311 - reproducible, not secret
    for _ in range(2_000):
        pattern = "/".join(pick.choices(PARTS, k=pick.randint(1, 4)))
        pattern = pick.choice(["", "", "/"]) + pattern + pick.choice(["", "", "/"])
        path = "/".join(pick.choices(NAMES, k=pick.randint(1, 4)))
        if pattern.endswith("**/"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = bool(GitIgnoreSpec.from_lines([pattern]).match_file(path))
        assert path_matches(pattern, path, Places(), grants=True) is wanted, (pattern, path)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("a" * 1_001, "longer than 1,000"),
        ("!a", "cannot be excepted"),
        ("a/../b", "names nothing beneath"),
        ("/", "names nothing beneath"),
        ("", "names nothing beneath"),
        ("a[b", "begins no set"),
        ("[[:alpha:]]", "begins no set"),
        ("[]", "begins no set"),
    ],
)
def test_a_pattern_that_cannot_be_read_is_an_error(pattern: str, problem: str) -> None:
    """It would match nothing, and a denial must not be void."""
    with pytest.raises(ValueError, match=problem):
        check_pattern(pattern)


def test_a_hostile_pattern_and_path_take_no_time() -> None:
    """Every segment goes back to its last asterisk only; the runner's limit ends a test that hangs."""
    assert not path_matches("*a" * 400 + "b", "a" * 4_000, Places(), grants=True)
    assert not path_matches("**/a/" * 150 + "b", "a/" * 2_000 + "c", Places(), grants=False)
