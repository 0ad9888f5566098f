"""The one place where prompts are filled in: templates on disk plus values give text.

A template is looked for in the host's `prompt_dirs`, then among the ones that come with the package. Values are data:
what a skill says about itself is never read as a template, and the `xml` filter keeps it inside its element.
"""

from __future__ import annotations

from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.unseen import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Environment


def render(template: str, context: Mapping[str, object], prompt_dirs: Sequence[str | Path] = ()) -> str:
    """Return `template` filled in with `context`, without blank space around it. Same values, same bytes.

    Args:
        template: a name such as "system.md.jinja", beneath one of the directories.
        context: the values; a template that uses any other name is an error.
        prompt_dirs: directories of the host that are searched first, in order.

    Raises:
        LookupError: when no directory has the template.
        jinja2.TemplateError: when the template is not valid, or names a value that `context` lacks.
    """
    from jinja2 import TemplateNotFound

    directories = (*(str(directory) for directory in prompt_dirs), str(_shipped()))
    try:
        found = _environment(directories).get_template(template)
    except TemplateNotFound as error:
        raise LookupError(f"no prompt template {error.name!r} in {', '.join(directories)}") from None
    return found.render(context).strip()


def _xml(text: object) -> str:
    """Return text for the inside of an element. Quotes stay, for a model reads them more easily; no attribute."""
    return escape(one_line(str(text)), quote=False)


@lru_cache(maxsize=1)
def _shipped() -> Path:
    """The templates of the wheel; in a checkout, where the wheel's copy does not exist, its prompts folder."""
    package = Path(__file__).parent
    wheel = package / "_prompts"
    return wheel if wheel.is_dir() else package.parent / "prompts"


@lru_cache(maxsize=32)
def _environment(directories: tuple[str, ...]) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - the output is a prompt, not a page; the xml filter escapes where it must
        loader=FileSystemLoader(directories), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["xml"] = _xml
    return environment
