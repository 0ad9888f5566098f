"""Keeps the records of one location up to date, from its skills and from its index."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.manifest import Diagnostic
from openskills_core.models import Skill
from openskills_core.registry.index import decode, encode, index_key
from openskills_core.registry.loading import Candidate, Loaded, load
from openskills_core.registry.records import Records
from openskills_core.registry.stamps import STAMP_BYTES, Stamp, is_settled, stamp_at, stamps_at

if TYPE_CHECKING:
    from collections.abc import Collection

    from openskills_core.manifest import Preset
    from openskills_core.registry.draft import Listing
    from openskills_core.registry.location import Location
    from openskills_core.registry.store import Store

# Reading fewer skills takes no longer than reading an index of them.
MIN_INDEXED = 64
# An index is written again when it lacks more than this share of what it should hold.
_MAX_UNSAVED = 0.01
# No file looks like this, so what bears it counts as new at the next look.
_UNLIKE_ANY = bytes(STAMP_BYTES)


class VanishedError(Exception):
    """A skill that was there when its location was last looked at can no longer be read."""


class Reader:
    """Reads the skills of one location.

    Args:
        location: where, as an absolute path.
        preset: whose rules decide what loads.
        store: where an index may be kept; None keeps none.
        confined_to: a directory without symbolic links that no skill may lie outside of; "" is the plugin, for the
            skills of a plugin, and anywhere for others.
    """

    def __init__(self, location: Location, preset: Preset, store: Store | None = None, confined_to: str = "") -> None:
        self.store = store
        self._location = location
        self._base = str(location.path)
        self._preset = preset
        self._confined_to = confined_to
        self._listing: Listing | None = None
        self._ids: dict[str, str] = {}

    def restore(self, real: str, listing: Listing) -> Records:
        """Return what the index says of the location when it is really at `real`; nothing without an index."""
        if self.store is not None and len(listing.files) >= MIN_INDEXED:
            key = index_key(self._location, self._preset)
            data = self.store.load(key)
            records = decode(data, self._location, key) if data else None
            if records is not None and (records.real, records.naming) == (real, listing.naming):
                return records
        return Records(real, listing.naming)

    def update(
        self, records: Records, listing: Listing, looked_ns: int, suspects: Collection[str] | None = None
    ) -> bool:
        """Read what is new or different, drop what is gone, and return whether there was any such thing.

        Args:
            records: what is known, brought up to date.
            listing: the files that may be skills now.
            looked_ns: the time of this look, by the clock since the epoch.
            suspects: the files that may be different; None is any of them.
        """
        stamps = _stamps(listing) if suspects is None else _patched(records.stamps, listing, suspects)
        if (stamps is records.stamps or stamps == records.stamps) and not records.unsettled:
            return False
        before, records.stamps = records.stamps, stamps
        gone = before.keys() - stamps.keys()
        for file in gone:
            records.forget(file)
        new = [file for file, stamp in stamps.items() if file in records.unsettled or before.get(file) != stamp]
        changed = [self._read(records, self._candidate(records, listing, file), looked_ns) for file in new]
        self._save(records)
        return bool(gone) or any(changed)

    def _read(self, records: Records, candidate: Candidate, looked_ns: int) -> bool:
        """Read a file and return whether that gave anything new."""
        file = candidate.file
        settled, digest = is_settled(records.stamps[file], looked_ns), records.unsettled.pop(file, None)
        loaded = self._load(candidate, records.real, with_digest=not settled or digest is not None)
        if not settled:
            records.unsettled[file] = loaded.digest
        if loaded.digest == digest:
            return False
        records.put(file, loaded)
        return True

    def _load(self, candidate: Candidate, real: str, *, with_digest: bool = False) -> Loaded:
        bounds = self._confined_to or (real if self._location.kind == "plugin" else "")
        if bounds and not os.path.realpath(candidate.file).startswith(f"{bounds}/"):
            advice = f"copy it: this is a link that leads out of {bounds}, and is not followed"
            return Loaded(
                notes=(Diagnostic("outside", "warning", advice, Path(candidate.file), skill_id=candidate.id),)
            )
        return load(candidate, with_digest=with_digest)

    def _candidate(self, records: Records, listing: Listing, file: str) -> Candidate:
        """Resolve the links on the way to a file, before it is read.

        Whoever changes a link in between changes what is read, not where it counts as read.
        """
        if listing is not self._listing:
            self._listing, self._ids = listing, dict(zip(listing.files, listing.ids, strict=True))
        records.sources.pop(file, None)
        if self._location.kind != "skills" or file in listing.linked:
            records.sources[file] = os.path.realpath(os.path.dirname(file))
        return Candidate(
            file=file,
            id=self._ids[file],
            source=self.source(records, file),
            location=self._location,
            preset=self._preset,
            named=file in listing.named,
        )

    def source(self, records: Records, file: str) -> str:
        """Return the directory of a file without symbolic links."""
        return records.sources.get(file) or records.real + os.path.dirname(file)[len(self._base) :]

    def skill(self, records: Records, listing: Listing, file: str) -> Skill:
        """Return a skill, reading it unless this process has.

        Raises:
            VanishedError: it can no longer be read.
        """
        info, manifest = records.infos[file], records.manifests.get(file)
        if manifest is None:
            manifest = self._load(self._candidate(records, listing, file), records.real).manifest
        if manifest is None:
            records.stamps[file] = _UNLIKE_ANY
            raise VanishedError(file)
        records.manifests[file] = manifest
        location = self._location
        return Skill(
            id=info.id,
            root=Path(os.path.dirname(file)),
            source=Path(self.source(records, file)),
            location=location.name,
            manifest=manifest,
            description=info.description,
            diagnostics=records.notes.get(file, ()),
            file=os.path.basename(file),
            plugin=location.path if location.kind == "plugin" else None,
            trusted=location.trusted,
        )

    def _save(self, records: Records) -> None:
        """Write the index if there is one to be had and it lacks too much."""
        lacking = records.unsaved - len(records.unsettled)
        if self.store is None or len(records.stamps) < MIN_INDEXED or lacking <= _MAX_UNSAVED * len(records.stamps):
            return
        key = index_key(self._location, self._preset)
        self.store.save(key, encode(records, self._location, key))
        records.unsaved = len(records.unsettled)


def _stamps(listing: Listing) -> dict[str, Stamp]:
    return {file: stamp for file, stamp in zip(listing.files, stamps_at(listing.files), strict=True) if stamp}


def _patched(stamps: dict[str, Stamp], listing: Listing, suspects: Collection[str]) -> dict[str, Stamp]:
    """Return the stamps with what has become of the suspects: the same object when that is nothing."""
    found = {file: stamp_at(file) for file in suspects}
    if all(stamp == stamps.get(file) for file, stamp in found.items()):
        return stamps
    listed, stamps = set(listing.files), stamps.copy()
    for file, stamp in found.items():
        stamps.pop(file, None)
        if stamp and file in listed:
            stamps[file] = stamp
    return stamps
