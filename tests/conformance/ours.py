"""The adapter: what this implementation makes of a case, in the words of the corpus. It knows no expectation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from openskills_core.format.profiles import Profile
from openskills_core.manifest import Preset
from tests.conformance.corpus import SKILL_AREAS
from tests.conformance.ours_conversations import activated_again, catalogued, used_over_turns
from tests.conformance.ours_places import discovered
from tests.conformance.ours_rules import decided, listed_tools
from tests.conformance.ours_skills import check_skill, load_skill
from tests.conformance.ours_texts import injected, rendered, stacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.conformance.corpus import Case

# The optional parts of a client that there are here.
HAS = frozenset({"typed-commands", "command-files"})
# Where this repository decided otherwise than a source, and why. Each of these cases fails, or the entry is wrong.
DIFFERS: Mapping[str, str] = {
    **dict.fromkeys(
        ("rules/precedence/ask-beats-the-skill", "inject/permission/ask-beats-the-skill"),
        "what a host asks about is what the allowed-tools of a trusted skill answer; a host that does not want that "
        "sets trust_skill_allowed_tools=False or denies",
    ),
    **dict.fromkeys(
        (
            "discovery/reserved-plugins-commands/plugin-skill-with-name",
            "discovery/reserved-plugins-commands/plugin-skill-with-its-prefix",
        ),
        "the id of a skill is the name of its directory, in a plugin too; the name in the frontmatter is shown beside "
        "it",
    ),
    "fields/specification/description-from-a-heading": "a heading says little, so the first line that is none stands "
    "in for a description; a heading does where there is nothing else",
    "rules/paths/read-deny-blocks-editing": "what may not be read may not be edited by any tool, notebooks included",
    "rules/paths/write-without-a-path": "denying one tool that writes makes the workspace read-only, for all of them",
}

# By area, or by a topic of an area that has a form of its own.
_OBSERVERS: Mapping[str, Callable[[Case, Path], dict[str, Any]]] = {
    "render/stacking": stacked,
    "render": rendered,
    "inject": injected,
    "allowed-tools": listed_tools,
    "rules": decided,
    "catalog": catalogued,
    "activation/turn": used_over_turns,
    "activation": activated_again,
}


def observations(case: Case) -> Iterator[tuple[str, Mapping[str, Any], Callable[[Path], dict[str, Any]]]]:
    """Yield under which label something is expected, what, and how to observe it in an empty directory."""
    presets: tuple[Preset, ...] = get_args(Preset)
    if case.area == "discovery":
        for client in (client for client in presets if client in case.expect):
            yield client, case.expect[client], partial(discovered, case, client)
        return
    if case.area not in SKILL_AREAS:
        topic = case.name.rpartition("/")[0]
        yield "any", case.expect, partial(_OBSERVERS.get(topic) or _OBSERVERS[case.area], case)
        return
    profiles: tuple[Profile, ...] = get_args(Profile)
    for label, outcome in case.expect.items():
        profile, _, preset = label.partition(":")
        for asked in (asked for asked in profiles if asked == profile != "runtime"):
            yield label, outcome, partial(check_skill, case, asked)
        for client in (client for client in presets if profile == "runtime" and preset in ("", client)):
            yield f"runtime:{client}", outcome, partial(load_skill, case, client)
