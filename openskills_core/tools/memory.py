"""What is remembered between the calls of one conversation."""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import sha256

_MAX_CONVERSATIONS = 1_000


class Memory:
    """The activations that one conversation has seen."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._lock = threading.Lock()

    def is_repeated(self, text: str) -> bool:
        """Note that `text` is about to be shown; return whether this conversation has it already."""
        digest = sha256(text.encode(errors="surrogatepass")).digest()
        with self._lock:
            seen = digest in self._seen
            self._seen.add(digest)
            return seen


class Memories:
    """One memory per conversation id. Beyond a thousand, the conversation unused for longest is forgotten."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Memory] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, conversation_id: str) -> Memory:
        """Return the memory of this conversation, a fresh one the first time."""
        with self._lock:
            memory = self._by_id.setdefault(conversation_id, Memory())
            self._by_id.move_to_end(conversation_id)
            if len(self._by_id) > _MAX_CONVERSATIONS:
                self._by_id.popitem(last=False)
            return memory
