"""How many tokens a text costs: counted where a tokenizer and its vocabulary are at hand, else estimated.

Nothing is ever downloaded. tiktoken fetches a vocabulary that it does not have, so it is asked only when the very file
that it would fetch lies in its cache already.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BYTES_A_TOKEN = 4
_MAX_COUNTED = 500_000  # characters; a text this long is over every budget anyhow


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """An encoding of tiktoken. `file` is its name in tiktoken's cache: the SHA-1 of where it was fetched from."""

    encoding: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts tokens. `method` says how, in words that follow "tokens", such as "counted with tiktoken o200k_base"."""

    method: str
    count: Callable[[str], int]


VOCABULARIES = (
    Vocabulary(
        "o200k_base",
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
    Vocabulary(
        "cl100k_base",
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
)


def estimate(text: str) -> int:
    """Return about how many tokens a text has: one for every four bytes of UTF-8, rounded up.

    English prose comes to a little less than that, code and other scripts to a little more.
    """
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_A_TOKEN)


ESTIMATE = TokenCounter(f"estimated at {_BYTES_A_TOKEN} bytes each", estimate)


@functools.cache
def token_counter(vocabularies: Sequence[Vocabulary] = VOCABULARIES) -> TokenCounter:
    """Return the best counter of this machine, chosen once: the first vocabulary that is here, else the estimate."""
    here = next((vocabulary for vocabulary in vocabularies if _is_here(vocabulary)), None)
    if here is None:
        return ESTIMATE
    try:
        import tiktoken
    except ImportError:
        return ESTIMATE
    encoding = tiktoken.get_encoding(here.encoding)

    def count(text: str) -> int:
        return len(encoding.encode_ordinary(text)) if len(text) <= _MAX_COUNTED else estimate(text)

    return TokenCounter(f"counted with tiktoken {here.encoding}", count)


def _is_here(vocabulary: Vocabulary) -> bool:
    """Whether tiktoken would find the file and take it: it replaces one with another hash."""
    directory = _cache_directory()
    if not directory:
        return False
    try:
        with Path(directory, vocabulary.file).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == vocabulary.sha256
    except OSError:
        return False


def _cache_directory() -> str:
    """Return where tiktoken keeps what it fetched; "" where it was told to keep nothing. Source: tiktoken, load.py."""
    usual = os.path.join(tempfile.gettempdir(), "data-gym-cache")  # noqa: PTH118 - compared with text from variables
    return os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR", usual))
