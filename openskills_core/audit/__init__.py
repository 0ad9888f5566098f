"""The audit log: one line for every attempt, chained so that edits, deletions, reorderings and a cut tail show."""

from __future__ import annotations

from openskills_core.audit.chain import canonical_json, sha256_hex
from openskills_core.audit.log import Attempt, AuditLog, default_audit_path

__all__ = ["Attempt", "AuditLog", "canonical_json", "default_audit_path", "sha256_hex"]
