"""The form of the log, without input or output: canonical lines, their SHA-256 chain, its head, and the check of both.

A record is a JSON object on a line of its own. `prev` is the hash of the record before it (64 zeros for the first),
`hash` the SHA-256 of the record's canonical JSON without `hash`. The head, kept in a file beside the log, counts the
records and names the last one; a chain alone cannot show that its end was cut off.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from enum import Enum
from typing import Any

from openskills_core.models import VerifyResult

GENESIS = "0" * 64
# Every head has this many bytes, so that a new one overwrites the old one in a single write.
_HEAD_BYTES = 160


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of `value`: sorted keys, no spaces, ASCII only.

    Raises:
        TypeError: for a value that JSON cannot hold.
        ValueError: for a number that is not finite.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it; what has no such form becomes its `repr`, for a record must never be lost."""
    if isinstance(value, Enum):
        return plain(value.value)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if _is_json_scalar(value) else repr(value)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log ends: how many records, the hash of the last one, and the size in bytes up to its newline."""

    count: int = 0
    hash: str = GENESIS
    size: int = 0

    def encode(self) -> bytes:
        """Return the head as one padded line."""
        return canonical_json(asdict(self)).ljust(_HEAD_BYTES - 1) + b"\n"

    @classmethod
    def decode(cls, raw: bytes) -> Head | None:
        """Return the head written in `raw`, or None when it holds none."""
        data = _parse(raw)
        shape = {"count": int, "hash": str, "size": int}
        if data is None or {name: type(item) for name, item in data.items()} != shape:
            return None
        return cls(**data)

    def after(self, line: bytes) -> Head:
        """Return the head once `line`, newline included, follows."""
        record = _parse(line) or {}
        return Head(self.count + 1, str(record.get("hash", self.hash)), self.size + len(line))


def seal(record: Mapping[str, Any], prev: str) -> bytes:
    """Return `record` as a whole line that follows the record with the hash `prev`."""
    body = {**plain(record), "prev": prev}
    return canonical_json({**body, "hash": sha256_hex(canonical_json(body))}) + b"\n"


def resume(head: Head | None, size: int, read_from: Callable[[int], bytes]) -> tuple[Head, dict[str, Any]]:
    """Find the end of a log of `size` bytes that others may have appended to, cut or torn.

    Returns:
        The head after the last whole line, and what the next record has to confess in its `repair` field: `torn` (the
        text of an unfinished last line), `cut` (the head that the log no longer reaches) or `anchor` ("missing").
    """
    repair: dict[str, Any] = {}
    end = head or Head()
    if head is None and size > 0:
        repair["anchor"] = "missing"
    elif end.size > size:
        repair["cut"] = asdict(end)
        end = Head()
    *lines, torn = read_from(end.size).split(b"\n")
    for line in lines:
        end = end.after(line + b"\n")
    if torn:
        repair["torn"] = torn.decode("utf-8", "surrogateescape")
    return end, repair


def parse_records(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return the records on the whole lines; a line that holds none is left out, and `check` names it."""
    parsed = (_parse(line) for line in lines if line.endswith(b"\n"))
    return [record for record in parsed if record is not None]


def check(lines: Iterable[bytes], head: Head | None) -> VerifyResult:
    """Compare every line with its own hash, with the line before it, and the log's end with its head."""
    prev: str | None = GENESIS
    count, anchored, problems = 0, GENESIS, []
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            problems.append(f"line {number} is torn: it has no end; the next append repairs it")
            break
        count = number
        record = _parse(line)
        problems += _line_problems(number, line, prev, record)
        prev = None if record is None else str(record.get("hash"))
        if head is not None and number == head.count:
            anchored = prev or ""
    problems += _end_problems(count, anchored, head)
    return VerifyResult(ok=not problems, records=count, problems=tuple(problems))


def _is_json_scalar(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _line_problems(number: int, line: bytes, prev: str | None, record: dict[str, Any] | None) -> list[str]:
    """Return what is wrong with one line; `prev` is None when the line before it could not be read."""
    if record is None:
        return [f"line {number} is not a record: it holds no JSON object"]
    problems = []
    body = {key: item for key, item in record.items() if key != "hash"}
    if record.get("hash") != sha256_hex(_canonical_or_empty(body)) or line != _canonical_or_empty(record) + b"\n":
        problems.append(f"line {number} was edited: its content does not match its hash")
    if prev is not None and record.get("prev") != prev:
        before = f"line {number - 1}" if number > 1 else "the start of the log"
        problems.append(f"line {number} does not follow {before}: a line was edited, deleted, added or moved there")
    return problems + _confessed(number, record.get("repair"))


def _canonical_or_empty(value: Any) -> bytes:
    """Parsed JSON may still hold `NaN`, which no record of ours does."""
    try:
        return canonical_json(value)
    except ValueError:
        return b""


def _confessed(number: int, repair: Any) -> list[str]:
    """A tail that was cut before this record stays a problem, although the chain has gone on since."""
    if not isinstance(repair, dict):
        return []
    problems = []
    if isinstance(cut := repair.get("cut"), dict):
        problems.append(
            f"line {number} was written after the tail had been cut off: {cut.get('count')} records were counted, "
            f"{number - 1} were left"
        )
    if "anchor" in repair:
        problems.append(f"line {number} was written while the head anchor was missing: a tail may have been cut off")
    return problems


def _end_problems(count: int, anchored: str, head: Head | None) -> list[str]:
    if head is None:
        return ["the head anchor is missing or unreadable: a tail may have been cut off"] if count else []
    if count < head.count:
        return [f"the log ends after line {count}, but {head.count} records were counted: its tail was cut off"]
    if anchored != head.hash:
        return [f"line {head.count} is not the record that the head anchor names: it was edited or replaced"]
    return []
