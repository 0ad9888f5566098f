"""What a shell text runs, as far as that can be known without running it. Touches no disk.

syntax     text → a syntax tree, refused where a shell may read it otherwise
words      quotes and expansions of one word; ansi: those of $'…'
drafts     tree → simple commands
scripts    simple commands with the certain variables filled in
wrappers   what programs start that start programs
"""

from __future__ import annotations

from openskills_core.policy.shell.scripts import Command, Redirect, Script, read_scripts
from openskills_core.policy.shell.words import Word
from openskills_core.policy.shell.wrappers import Words, code_in, data_as_code, is_beyond_prefixes, starts, stripped
from openskills_core.policy.syntax import UnreadableError

__all__ = [
    "Command",
    "Redirect",
    "Script",
    "UnreadableError",
    "Word",
    "Words",
    "code_in",
    "data_as_code",
    "is_beyond_prefixes",
    "read_scripts",
    "starts",
    "stripped",
]
