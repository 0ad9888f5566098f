"""A location → the files in it that may be skills. Nothing is read here but directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core.registry.children import list_children
from openskills_core.registry.draft import Draft, Listing
from openskills_core.registry.plugins import list_plugin
from openskills_core.registry.trees import list_commands, list_tree

if TYPE_CHECKING:
    from openskills_core.registry.location import Location


def list_location(location: Location) -> Listing:
    """Look at the directories of a location.

    Raises:
        OSError: it is no directory, or cannot be listed.
    """
    draft, base = Draft(location.prefix), str(location.path)
    match location.kind:
        case "skills":
            list_children(draft, base, location.reserved)
        case "tree":
            list_tree(draft, base)
        case "plugin":
            list_plugin(draft, base)
        case "commands":
            list_commands(draft, base)
    return draft.finish()
