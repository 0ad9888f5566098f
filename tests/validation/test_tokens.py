"""Counting tokens: a real tokenizer where its vocabulary is here, an estimate that says so where not, no network."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from openskills_core.validation.tokens import VOCABULARIES, Vocabulary, estimate, token_counter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeSkill = Callable[..., Path]

# Notes each attempt of a process to reach a network, before anything else in it runs.
WITNESS = """
import os, sys
def note(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open(os.environ["WITNESS"], "a") as file:
            file.write(event + "\\n")
sys.addaudithook(note)
"""


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    """The environment of a process whose attempts to reach a network are noted, and that has no vocabulary."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(WITNESS, encoding="utf-8")
    return {
        **os.environ,
        "PYTHONPATH": str(hooks),
        "WITNESS": str(tmp_path / "witness"),
        "TIKTOKEN_CACHE_DIR": str(tmp_path / "cache"),
        "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody listens there
    }


def _run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False, timeout=100
    )


def test_validating_reaches_for_no_network(make_skill: MakeSkill, skills: Path, watched: dict[str, str]) -> None:
    """Neither without the vocabulary nor with a spoilt one, though the tokenizer is installed and would fetch it."""
    make_skill("alpha")
    cache = skills.parent / "cache"
    cache.mkdir()
    for spoil in (False, True):
        if spoil:
            (cache / VOCABULARIES[0].file).write_bytes(b"spoilt")
        done = _run(watched, "-m", "openskills_core", "validate", str(skills))
        assert (done.returncode, "tokens are estimated" in done.stderr) == (0, True), done.stderr
        assert not (skills.parent / "witness").exists()
    assert (cache / VOCABULARIES[0].file).read_bytes() == b"spoilt"


def test_the_witness_sees_the_tokenizer_reach_for_the_network(tmp_path: Path, watched: dict[str, str]) -> None:
    """What the test above says does not happen, would be seen: asked by itself, the tokenizer fetches."""
    pytest.importorskip("tiktoken")
    _run(watched, "-c", "import tiktoken; tiktoken.get_encoding('o200k_base')")
    assert "socket." in (tmp_path / "witness").read_text(encoding="utf-8")


COUNT = """
from openskills_core.validation.tokens import Vocabulary, token_counter
counter = token_counter((Vocabulary("tiny", "{file}", "{sha256}"),))
print(counter.method, counter.count("abab<|endoftext|>"), counter.count(chr(0xdfff)) > 0, sep="|")
"""
PLUGIN = """
from tiktoken.load import load_tiktoken_bpe
URL = "https://example.invalid/tiny.tiktoken"
def tiny():
    ranks = load_tiktoken_bpe(URL, expected_hash="{sha256}")
    return dict(name="tiny", pat_str=".+", mergeable_ranks=ranks, special_tokens={{"<|endoftext|>": 300}})
ENCODING_CONSTRUCTORS = {{"tiny": tiny}}
"""


def test_a_vocabulary_that_is_here_counts(tmp_path: Path, watched: dict[str, str]) -> None:
    """With the very file the tokenizer would fetch, it is the tokenizer that counts; special tokens are plain text."""
    pytest.importorskip("tiktoken")
    ranks = [bytes([value]) for value in range(256)] + [b"ab"]
    data = b"".join(base64.b64encode(token) + f" {rank}\n".encode() for rank, token in enumerate(ranks))
    sha256 = hashlib.sha256(data).hexdigest()
    file = hashlib.sha1(b"https://example.invalid/tiny.tiktoken", usedforsecurity=False).hexdigest()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / file).write_bytes(data)
    (tmp_path / "hooks" / "tiktoken_ext").mkdir()
    (tmp_path / "hooks" / "tiktoken_ext" / "tiny.py").write_text(PLUGIN.format(sha256=sha256), encoding="utf-8")
    done = _run(watched, "-c", COUNT.format(file=file, sha256=sha256))
    assert done.stdout.strip() == "counted with tiktoken tiny|15|True", done.stderr
    assert not (tmp_path / "witness").exists()


def test_the_known_vocabularies_are_the_ones_the_tokenizer_fetches() -> None:
    """Names in the cache and digests are those of the installed tokenizer."""
    public = pytest.importorskip("tiktoken_ext.openai_public")
    source = public.__loader__.get_source(public.__name__)
    for vocabulary in VOCABULARIES:
        url = next(word for word in source.split('"') if word.endswith(f"/{vocabulary.encoding}.tiktoken"))
        assert hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest() == vocabulary.file
        assert vocabulary.sha256 in source


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("word", 1), ("words", 2), ("技能", 2), ("\udc80", 1)])
def test_the_estimate_is_one_token_for_four_bytes(text: str, tokens: int) -> None:
    """Rounded up, and for any text at all."""
    assert estimate(text) == tokens


def test_without_a_cache_there_is_no_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty name tells the tokenizer to keep nothing, so nothing can be here."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert token_counter((Vocabulary("x", "y", "z"),)).method.startswith("estimated")
