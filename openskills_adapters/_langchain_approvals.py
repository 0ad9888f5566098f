"""Which tool calls a person has agreed to.

LangChain's human-in-the-loop middleware asks before a call runs and never runs a rejected one, but it does not tell the
tool. It does ask us to describe the call, before the question and again when the answer is in, and that is the sign: a
call that was described in this thread and then runs was approved. Each description serves one run.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import ensure_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.runnables import RunnableConfig

_MAX_REMEMBERED = 10_000


class Approvals:
    """The calls that a person was asked about and that have not run yet; of many, the latest ten thousand."""

    def __init__(self) -> None:
        self._asked: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def describe(self, tool_call: dict[str, Any], _state: object, _runtime: object) -> str:
        """Return the question to the person, and remember that it was asked."""
        with self._lock:
            self._asked[_key(tool_call, None)] = None
            if len(self._asked) > _MAX_REMEMBERED:
                self._asked.popitem(last=False)
        arguments = json.dumps(tool_call["args"], indent=2, ensure_ascii=False)
        return f"The host's policy asks for approval of {tool_call['name']}:\n{arguments}"

    def take(self, tool_call: Mapping[str, Any], config: RunnableConfig | None) -> bool:
        """Whether a person was asked about this very call in this thread; true once per question."""
        with self._lock:
            return self._asked.pop(_key(tool_call, config), True) is None


def _key(tool_call: Mapping[str, Any], config: RunnableConfig | None) -> tuple[str, str]:
    """Some servers count their calls from 0, so an id alone would be mistaken for another's."""
    thread = ensure_config(config).get("configurable", {}).get("thread_id")
    call = [tool_call.get(part) for part in ("id", "name", "args")]
    return str(thread), json.dumps(call, sort_keys=True, default=repr)
