"""The commands that a skill's own text holds: filled in, run in the sandbox, and what they print put in their place."""

from __future__ import annotations

from openskills_core.dynamic.running import InjectedCommands

__all__ = ["InjectedCommands"]
