"""Directories of skills → id ↦ Skill.

The id of a skill is the name of its directory. A location yields every immediate child that holds a SKILL.md, and
itself if it holds one; other kinds of locations are described at `Location`. Where two locations have the same id the
earlier one wins and the other is reported. A skill reached by two ways is one skill.
"""

from openskills_core.registry.location import SKILL_FILE, Location
from openskills_core.registry.registry import Registry
from openskills_core.registry.reload import OnReload, Reload
from openskills_core.registry.standard import standard_locations

__all__ = ["SKILL_FILE", "Location", "OnReload", "Registry", "Reload", "standard_locations"]
