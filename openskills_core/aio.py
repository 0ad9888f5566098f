"""The async edge of a sync core: blocking work in a thread, and nothing left running when its task is cancelled."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_thread(work: Callable[[threading.Event], T], cancel: threading.Event | None = None) -> T:
    """Run `work` in a thread of its own and return what it returns.

    `work` is given an event that is set when the awaiting task is cancelled, or when `cancel` is; it must then come to
    an end soon, and the cancellation goes on only after it has. A thread a call, because the event loop's shared pool
    is small and a script may run for minutes.
    """
    event = _Either(cancel)
    future: concurrent.futures.Future[T] = concurrent.futures.Future()
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(_settle, future, work, event), name="openskills", daemon=True)
    thread.start()
    waiting = asyncio.wrap_future(future)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        event.set()
        while not waiting.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({waiting})
        waiting.exception()  # retrieved, so that asyncio does not complain that nobody looked
        raise


def _settle(future: concurrent.futures.Future[T], work: Callable[[threading.Event], T], event: threading.Event) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work(event))
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever awaits the future
        future.set_exception(error)


class _Either(threading.Event):
    """Set when it is set itself, or when the caller's own event is."""

    def __init__(self, other: threading.Event | None) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or (self._other is not None and self._other.is_set())
