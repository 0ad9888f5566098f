"""The seatbelt tier: macOS's own sandbox, one profile a call. Never run where it was written; see docs/security.md."""
