"""Knowing which skills of a large directory to look at again, instead of looking at all of them."""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from openskills_core.registry import inotify
from openskills_core.registry.inotify import Inotify
from openskills_core.registry.location import SKILL_FILE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from openskills_core.registry.draft import Listing

# So many are looked at in a millisecond.
MIN_WATCHED = 400
# Setting the alarm takes as long as a few looks at everything.
_QUIET_LOOKS = 3
# What inotify cannot see, such as a write through a memory map or a hard link made later, is seen after this time.
_MAX_AGE_S = 10.0
# A user's watches are shared by all programs: leave most of them to the others.
_SHARE = 4
_COMES_AND_GOES = inotify.CREATED | inotify.DELETED | inotify.MOVED_FROM | inotify.MOVED_TO | inotify.ATTRIBUTES
_SELF = inotify.DELETED_SELF | inotify.MOVED_SELF
_LOST = inotify.OVERFLOWN | inotify.UNMOUNTED


class Watch:
    """Says which files of a directory of skills to look at, and sets an alarm once that has been all of them often."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._alarm: _Alarm | None = None
        self._listing: Listing | None = None
        self._quiet = 0
        self._looked_at = 0.0

    def suspects(self, listing: Listing) -> Collection[str] | None:
        """Return the files that may be different since this was last asked; None is all of them."""
        touched = self._touched(listing)
        if touched is not None and time.monotonic() - self._looked_at < _MAX_AGE_S:
            return touched
        self._looked_at = time.monotonic()
        return None

    def _touched(self, listing: Listing) -> set[str] | None:
        alarm = self._alarm
        touched = alarm.touched() if alarm else None
        if alarm is None or touched is None:
            self.stop()
            return None
        if listing is not self._listing:
            touched.update(alarm.unwatched(listing.files))
            self._listing = listing
        try:
            alarm.follow(touched)
        except OSError:
            self.stop()
            return None
        return touched | alarm.always

    def learn(self, listing: Listing, *, changed: bool) -> None:
        """Take note of what a look at the suspects has given."""
        self._quiet = 0 if changed else self._quiet + 1
        if self._alarm is None and self._quiet == _QUIET_LOOKS and _may_watch(self._base, len(listing.files)):
            with suppress(OSError):
                self._alarm = _Alarm(self._base)
                self._alarm.follow(listing.files)
                # Something may have happened before the alarm was set: the next look is at everything once more.
                self._listing, self._looked_at = listing, 0.0
                return
            self.stop()

    def stop(self) -> None:
        """Look at everything again from now on."""
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None


class _Alarm:
    """Reports what happens to the children of a directory.

    `always` holds what is not reported for certain, and so has to be looked at each time.

    Raises:
        OSError: the directory cannot be watched.
    """

    def __init__(self, base: str) -> None:
        own = f"{base}/{SKILL_FILE}"
        self.always = {own}
        self._base = base
        self._process = os.getpid()
        self._inotify = Inotify()
        self._own = self._inotify.watch(os.path.realpath(base), _COMES_AND_GOES | _SELF)
        self._device = os.stat(base).st_dev
        self._files: dict[int, str] = {}
        self._watched = {own}

    def follow(self, files: Iterable[str]) -> None:
        """Watch the directories of these SKILL.md files, anew where they are watched already.

        Raises:
            OSError: there are too many.
        """
        for file in files:
            if file in self.always and file in self._watched:
                continue
            self._watched.add(file)
            try:
                number = self._inotify.watch(os.path.dirname(file), _COMES_AND_GOES | _SELF | inotify.MODIFIED)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise
                self.always.add(file)  # a link, gone again, or closed to us
                continue
            self._files[number] = file
            if not self._is_certain(file):
                self.always.add(file)

    def _is_certain(self, file: str) -> bool:
        """Whether a file can only be changed by what is reported for its directory."""
        try:
            status = os.lstat(file)
        except OSError:
            return True
        return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_dev == self._device

    def unwatched(self, files: Iterable[str]) -> set[str]:
        """Return those of these files that are not watched yet."""
        return set(files) - self._watched

    def touched(self) -> set[str] | None:
        """Return the files that something has happened to since this was last asked; None is any of them."""
        if os.getpid() != self._process:
            return None  # a forked child would take the events of its parent
        touched = set[str]()
        for event in self._inotify.events():
            if event.mask & _LOST or (event.watch == self._own and (event.mask & _SELF or not event.name)):
                return None
            if event.watch == self._own:
                touched.add(f"{self._base}/{event.name}/{SKILL_FILE}")
            elif event.name in ("", SKILL_FILE) and event.watch in self._files:
                touched.add(self._files[event.watch])
        return touched

    def close(self) -> None:
        """Watch nothing any more."""
        self._inotify.close()


def _may_watch(base: str, count: int) -> bool:
    """Whether watching so many directories is worth it, allowed, and would show everything that happens to them."""
    return count >= MIN_WATCHED and count * _SHARE < inotify.max_watches() and inotify.is_complete_for(base)
