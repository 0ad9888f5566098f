"""Every code a `Diagnostic` can have: the one table that the sources, the tests and the documentation share.

A code is emitted by `Notes.add("code", …)`, or by `Diagnostic("code", …)` where a finding is not about one SKILL.md,
always as a literal; a test finds each of them and compares. A new code needs a line here and in docs/skill-format.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openskills_core.manifest import Severity


class Code(NamedTuple):
    """What a code stands for: the severity it has unless a profile or preset says otherwise, and one line of text."""

    severity: Severity
    meaning: str


CODES: Mapping[str, Code] = {
    # the file
    "file-too-large": Code("error", "the file is over 8 MiB and was not read"),
    "not-utf-8": Code("error", "the file is no UTF-8; bytes that are none were replaced"),
    "bare-cr": Code("warning", "lines end in CR alone, which other clients take for one single line"),
    "unreadable-skill": Code("error", "the SKILL.md cannot be opened or read"),
    # where the frontmatter begins and ends
    "no-frontmatter": Code("info", "the file does not begin with ---; all of it is body"),
    "late-frontmatter": Code("warning", "something stands above the first ---, so all of the file is body"),
    "unfenced-frontmatter": Code("warning", "fields stand at the top without ---, so all of the file is body"),
    "bad-fence": Code("warning", "the first line is nearly ---, so all of the file is body"),
    "unclosed-frontmatter": Code("error", "no second --- within 64 KiB, so all of the file is body"),
    # its YAML
    "bad-yaml": Code("error", "the frontmatter is no YAML or breaks a limit; no field was read"),
    "yaml-repaired": Code("warning", "a value is YAML only in quotes; it was read as text"),
    "missing-space": Code("warning", "there is no space after a colon; the value was read all the same"),
    "control-character": Code("warning", "a character that YAML does not take was left out"),
    "comment-in-value": Code("warning", "YAML ends the value at #, which may be part of it"),
    "bad-field-name": Code("warning", "a key is no plain text and was left out"),
    "duplicate-field": Code("warning", "a key is given twice; the last one counts"),
    # the fields
    "misspelt-field": Code("warning", "the field is nearly one of the format; it has no effect"),
    "unknown-field": Code("info", "the field is no part of the format; it is kept and has no effect"),
    "no-description": Code("warning", "there is no description; the first line of the body stands in"),
    "reserved-name": Code("error", "the name is kept for skills of claude.ai; the skill is left out"),
    "expected-text": Code("warning", "a list or map stands where text is meant"),
    "expected-list": Code("warning", "a map stands where a list or text is meant"),
    "expected-map": Code("warning", "text or a list stands where a map is meant"),
    "smart-quotes": Code("warning", "typographic quotes around a value are part of it"),
    "bad-value": Code("warning", "the value is none of those allowed; the default holds"),
    "bad-boolean": Code("warning", "the value is no boolean; the default holds"),
    "bad-argument-name": Code("warning", "no placeholder in the body can spell this argument name"),
    "unbalanced-parentheses": Code("warning", "a tool rule cannot be read; it grants nothing or removes the tool"),
    "bad-name": Code("warning", "the name is not lowercase letters, digits and single hyphens"),
    "name-too-long": Code("warning", "the name is over 64 characters"),
    "name-mismatch": Code("warning", "the name is not that of the directory"),
    "description-too-long": Code("warning", "the description is over 1,024 characters"),
    "compatibility-too-long": Code("warning", "the compatibility text is over 500 characters"),
    "bad-hook": Code("warning", "a hook has no command or an unknown type; it was left out"),
    "unknown-event": Code("warning", "a hook is for an event that does not exist"),
    "unknown-need": Code("info", "a part of requires: is none that is checked here"),
    "bad-action": Code("warning", "an action has no id or target, or the id of another; it was left out"),
    # directories of skills
    "bad-directory-name": Code("error", "the directory's name is not printable, so it can be no id"),
    "no-such-directory": Code("error", "a directory of skills is missing or cannot be listed"),
    "no-skills": Code("warning", "a directory of skills holds none"),
    "wrong-case": Code("warning", "the file is not spelt SKILL.md"),
    "nested-skill": Code("warning", "the SKILL.md is a level too deep"),
    "shadowed": Code("warning", "another skill of the same id comes first"),
    "same-skill": Code("info", "a skill reached by two ways, listed under the first id"),
    "no-skill-file": Code("info", "a directory beside skills looks like one but has no SKILL.md"),
    "outside": Code("warning", "a link leads out of its plugin or project and was not followed"),
    "search-limit": Code("warning", "more directories than are searched; the rest was left out"),
}
