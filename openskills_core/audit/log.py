"""`AuditLog`: the one place that writes evidence, and the attempt that cannot end without leaving some."""

from __future__ import annotations

import os
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openskills_core.audit import chain, files
from openskills_core.errors import AuditError, OpenSkillsError, PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openskills_core.models import VerifyResult


def default_audit_path() -> Path:
    """Return `$XDG_STATE_HOME/openskills/audit.jsonl`, or the same beneath `~/.local/state`.

    A relative XDG_STATE_HOME is ignored, as the XDG Base Directory Specification demands.

    Raises:
        AuditError: when the user has no home directory.
    """
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = _home() / ".local" / "state"
    return state / "openskills" / "audit.jsonl"


class Attempt:
    """One attempt to run something. Whatever way it ends, its record is written once.

    `record_id` is 32 hexadecimal digits, sortable by time.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._began = time.monotonic()
        self._now = datetime.now(UTC)
        self.record_id = f"{int(self._now.timestamp() * 1000):012x}{os.urandom(10).hex()}"
        self._fields: dict[str, Any] = {"kind": "", "skill_id": "", **fields}

    def note(self, **fields: Any) -> None:
        """Add what is known by now, such as decisions; it is recorded even if the attempt fails later."""
        self._fields.update(fields)

    def finish(self, *, status: str, **fields: Any) -> None:
        """Add how the attempt ended. `duration_ms` replaces the time measured here."""
        self.note(status=status, **fields)

    def _fail(self, error: BaseException) -> None:
        code = error.code if isinstance(error, OpenSkillsError) else ""
        self.note(
            status=_failed_status(error), error={"type": type(error).__name__, "code": code, "message": str(error)}
        )

    def _record(self) -> dict[str, Any]:
        measured = {"status": "unfinished", "duration_ms": round((time.monotonic() - self._began) * 1000, 3)}
        named = {"id": self.record_id, "time": self._now.isoformat(timespec="milliseconds")}
        return {**measured, **self._fields, **named}


class AuditLog:
    """A JSON Lines file with a hash chain, and `<path>.head` beside it. Making this object writes nothing.

    Many threads and processes may append to one log. A record survives the death of its process; only with `fsync`
    does it survive the loss of power too. Who may write both files can forge them: keep a copy of the head elsewhere.

    Args:
        path: The log. It is made at the first attempt, mode 0600, its missing directories 0700.
        fsync: Wait for the disk after each record.
    """

    def __init__(self, path: str | os.PathLike[str], *, fsync: bool = False) -> None:
        self.path = Path(path).absolute()
        self._fsync = fsync
        self._left: tuple[tuple[int, int, int], chain.Head] | None = None

    @contextmanager
    def attempt(self, fields: Mapping[str, Any]) -> Iterator[Attempt]:
        """Open the log, run the block, and append exactly one record, with whatever exception leaves the block.

        The status is what `finish` was given, else "denied" (PermissionDeniedError), "refused" (any other
        OpenSkillsError), "crashed" (any other Exception) or "cancelled" (KeyboardInterrupt, CancelledError and what
        else is no Exception); "unfinished" when the block ends without `finish`.

        Raises:
            AuditError: before the block when the log cannot be opened, after it when the record cannot be written.
        """
        with closing(self._open()) as opened:
            attempt = Attempt(fields)
            try:
                yield attempt
            except BaseException as error:
                attempt._fail(error)  # noqa: SLF001 - the two classes are one mechanism
                self._append(opened, attempt)
                raise
            self._append(opened, attempt)

    def records(self) -> list[dict[str, Any]]:
        """Return every record, oldest first. What is no whole record is left out; `verify` names it.

        Raises:
            AuditError: when the log cannot be read.
        """
        with _explained(self.path, "read"):
            size, _ = files.snapshot(self.path)
            return chain.parse_records(files.lines(self.path, size))

    def verify(self) -> VerifyResult:
        """Check the whole log: edits, deletions, reorderings, a cut tail, a torn last line. A missing log is fine.

        Raises:
            AuditError: when the log cannot be read.
        """
        with _explained(self.path, "read"):
            size, head = files.snapshot(self.path)
            return chain.check(files.lines(self.path, size), head)

    def _open(self) -> files.AppendFiles:
        with _explained(self.path, "written"):
            return files.AppendFiles(self.path)

    def _append(self, opened: files.AppendFiles, attempt: Attempt) -> None:
        """Write one record: the only place in the project that does."""
        with _explained(self.path, "written"), opened.exclusive():
            end, repair = self._end(opened)
            record = attempt._record()  # noqa: SLF001 - the two classes are one mechanism
            line = chain.seal({**record, "repair": repair} if repair else record, end.hash)
            opened.write_line(line, end.size, fsync=self._fsync)
            end = end.after(line)
            opened.write_head(end, fsync=self._fsync)
            self._left = opened.identity(), end

    def _end(self, opened: files.AppendFiles) -> tuple[chain.Head, dict[str, Any]]:
        identity = opened.identity()
        if self._left is not None and self._left[0] == identity:
            return self._left[1], {}
        head, size = opened.read_head(), identity[2]
        if head is None and size == 0:
            # Written first, so that a death before the second write does not look like a removed anchor.
            head = chain.Head()
            opened.write_head(head, fsync=self._fsync)
        return chain.resume(head, size, opened.read_from)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise AuditError(
            "There is no home directory for the audit log: set XDG_STATE_HOME or pass audit=AuditLog(path)."
        ) from error


def _failed_status(error: BaseException) -> str:
    if isinstance(error, PermissionDeniedError):
        return "denied"
    if isinstance(error, OpenSkillsError):
        return "refused"
    return "crashed" if isinstance(error, Exception) else "cancelled"


@contextmanager
def _explained(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise AuditError(
            f"The audit log {path} cannot be {verb}: {why}. Give this user access to the file, its "
            f'".head" and their directory, or choose another place with audit=AuditLog(path).',
            culprit=str(path),
        ) from error
