"""One sentence for a framework that is not installed."""

from __future__ import annotations


def missing(error: ModuleNotFoundError, what: str, module: str, extra: str) -> ModuleNotFoundError:
    """Return what to raise for `error`: how to install `module` if that is what is missing, else `error` itself.

    A framework that is there but broken must not be reported as missing: installing it again would not help.
    """
    if error.name != module:
        return error
    command = f"pip install 'openskills[{extra}]'"
    return ModuleNotFoundError(f"{what} needs {module}, which is not installed: {command}", name=module)
