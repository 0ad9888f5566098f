"""The `${CLAUDE_*}` variables of a skill's body and of the Bash rules in its `allowed-tools`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FIELDS = {
    "CLAUDE_SKILL_DIR": "skill_dir",
    "CLAUDE_PROJECT_DIR": "project_dir",
    "CLAUDE_PLUGIN_ROOT": "plugin_root",
    "CLAUDE_PLUGIN_DATA": "plugin_data",
    "CLAUDE_SESSION_ID": "session_id",
    "CLAUDE_EFFORT": "effort",
}
VARIABLE = re.compile(rf"\$\{{(?:({'|'.join(_FIELDS)})|user_config\.([\w.-]{{1,128}}))\}}")


@dataclass(frozen=True, slots=True)
class Variables:
    """What stands for each variable; what is None, or no key of `user_config`, stays in the text as written.

    The directories are absolute. `plugin_root`, `plugin_data` and `user_config` (values that are no secrets) are for
    the skills of a plugin. Source: Claude Code, "Available string substitutions".
    """

    skill_dir: Path | None = None
    project_dir: Path | None = None
    plugin_root: Path | None = None
    plugin_data: Path | None = None
    session_id: str | None = None
    effort: str | None = None
    user_config: Mapping[str, str] = field(default_factory=dict)

    def value(self, match: re.Match[str]) -> str | None:
        """Return what stands for a match of `VARIABLE`, or None."""
        name, key = match.groups()
        value = getattr(self, _FIELDS[name]) if name else self.user_config.get(key)
        return None if value is None else str(value)

    def expand(self, text: str) -> str:
        """Return `text` with every variable that has a value replaced, in one pass. A backslash prevents nothing."""

        def replaced(match: re.Match[str]) -> str:
            value = self.value(match)
            return match[0] if value is None else value

        return VARIABLE.sub(replaced, text)
