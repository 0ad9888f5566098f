"""Skills as tools of agent frameworks. Importing this loads no framework; using a name loads the one it is for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openskills_adapters._source import get_agent_system_prompt
    from openskills_adapters.langchain import (
        OpenSkillsMiddleware,
        OpenSkillsToolkit,
        create_langchain_tools,
        langchain_interrupt_on,
    )
    from openskills_adapters.openai import OpenAIDispatcher, create_openai_tools, openai_local_skills
    from openskills_adapters.pydantic_ai import OpenSkillsCapability, OpenSkillsToolset, create_pydantic_ai_tools

__all__ = [
    "OpenAIDispatcher",
    "OpenSkillsCapability",
    "OpenSkillsMiddleware",
    "OpenSkillsToolkit",
    "OpenSkillsToolset",
    "create_langchain_tools",
    "create_openai_tools",
    "create_pydantic_ai_tools",
    "get_agent_system_prompt",
    "langchain_interrupt_on",
    "openai_local_skills",
]

_MODULES = {
    "OpenAIDispatcher": "openai",
    "OpenSkillsCapability": "pydantic_ai",
    "OpenSkillsMiddleware": "langchain",
    "OpenSkillsToolkit": "langchain",
    "OpenSkillsToolset": "pydantic_ai",
    "create_langchain_tools": "langchain",
    "create_openai_tools": "openai",
    "create_pydantic_ai_tools": "pydantic_ai",
    "get_agent_system_prompt": "_source",
    "langchain_interrupt_on": "langchain",
    "openai_local_skills": "openai",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
