"""Telling a host that the catalog is another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from openskills_core.registry.winners import Winners


@dataclass(frozen=True, slots=True)
class Reload:
    """What became of the catalog: the ids of skills that are new, written anew, and gone, each sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


OnReload: TypeAlias = Callable[[Reload], object]


def difference(before: Winners, after: Winners) -> Reload:
    """Return what is different between two catalogs."""
    old, new = before.infos, after.infos
    both = old.keys() & new.keys()
    return Reload(
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(skill_id for skill_id in both if old[skill_id] is not new[skill_id])),
        removed=tuple(sorted(old.keys() - new.keys())),
    )


class Listeners:
    """The callbacks of a registry. What one of them raises is logged and hurts nobody else."""

    def __init__(self) -> None:
        self._callbacks: tuple[OnReload, ...] = ()

    def add(self, callback: OnReload) -> Callable[[], None]:
        """Tell `callback` of every reload from now on; calling what is returned ends that.

        Raises:
            TypeError: it cannot be called.
        """
        if not callable(callback):
            raise TypeError(f"on_reload takes a function of one Reload, got {type(callback).__name__}")
        self._callbacks = (*self._callbacks, callback)
        return lambda: self._remove(callback)

    def _remove(self, callback: OnReload) -> None:
        self._callbacks = tuple(known for known in self._callbacks if known is not callback)

    def tell(self, reload: Reload) -> None:
        """Call every callback, in the order they came."""
        for callback in self._callbacks:
            try:
                callback(reload)
            except Exception:
                import logging

                logging.getLogger("openskills").exception("a callback of on_reload failed")
