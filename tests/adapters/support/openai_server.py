"""A local server that speaks just enough of OpenAI's two APIs, with a script in place of a model."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ToolCall = tuple[str, str]


class ScriptedModel:
    """Answers the n-th request with the n-th turn: tool calls as (name, JSON text), or the final words.

    `requests` keeps what was asked, so that a test can see what a model would have seen.
    """

    def __init__(self, turns: list[list[ToolCall] | str]) -> None:
        self._turns = iter(turns)
        self.requests: list[dict[str, Any]] = []

    def answer(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Return the next turn in the shape of the API that was called."""
        self.requests.append(request)
        turn = next(self._turns)
        return _chat(turn) if path.endswith("/chat/completions") else _response(turn)


@contextmanager
def serving(model: ScriptedModel) -> Iterator[str]:
    """Serve the model on a free port of this machine and yield the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(model.answer(self.path, request)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Keep test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _chat(turn: list[ToolCall] | str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn if isinstance(turn, str) else None}
    if not isinstance(turn, str):
        message["tool_calls"] = [
            {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for place, (name, arguments) in enumerate(turn)
        ]
    choice = {"index": 0, "message": message, "finish_reason": "stop" if isinstance(turn, str) else "tool_calls"}
    return {"id": "chat_1", "object": "chat.completion", "created": 0, "model": "scripted", "choices": [choice]}


def _response(turn: list[ToolCall] | str) -> dict[str, Any]:
    if isinstance(turn, str):
        text = {"type": "output_text", "text": turn, "annotations": []}
        output: list[dict[str, Any]] = [
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
        ]
    else:
        output = [
            {
                "id": f"fc_{place}",
                "type": "function_call",
                "call_id": f"call_{place}",
                "name": name,
                "arguments": arguments,
                "status": "completed",
            }
            for place, (name, arguments) in enumerate(turn)
        ]
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 0,
        "model": "scripted",
        "status": "completed",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
