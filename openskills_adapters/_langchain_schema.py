"""A tool's JSON Schema as the pydantic model that LangChain wants, with the core as the only validator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model, model_validator

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.v1 import ValidationError as ValidationErrorV1

    from openskills_core import ToolSet, ToolSpec


def arguments_model(tools: ToolSet, spec: ToolSpec) -> type[BaseModel]:
    """Return a model whose schema is the tool's and whose verdict, in every case, is the core's in the core's words."""

    class Arguments(BaseModel):
        model_config = ConfigDict(extra="forbid", protected_namespaces=())

        @model_validator(mode="before")
        @classmethod
        def _check(cls, value: Any) -> Any:
            problems = tools.problems(spec.name, value)
            if problems:
                raise ValueError(problems)
            return value

    fields: dict[str, Any] = {
        name: (
            Annotated[Any, WithJsonSchema(_bare(schema))],
            _field(schema, required=name in spec.parameters["required"]),
        )
        for name, schema in spec.parameters["properties"].items()
    }
    return create_model(spec.name, __base__=Arguments, **fields)


def problems_in(error: ValidationError | ValidationErrorV1) -> str:
    """Return the core's words out of the error that pydantic wrapped them in."""
    (first, *_) = error.errors()
    return str(first.get("ctx", {}).get("error", first["msg"]))


def _field(schema: dict[str, Any], *, required: bool) -> Any:
    default = ... if required else schema.get("default")
    return Field(default=default, description=schema.get("description"))


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """Default and description belong to the field, and pydantic adds them to the schema itself."""
    return {key: value for key, value in schema.items() if key not in ("default", "description")}
