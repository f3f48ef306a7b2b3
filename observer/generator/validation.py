"""Trees into models, with errors that name the place, the fault and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from observer.generator.faults import TemplateError, did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)


def _keys_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys that the model knows where an unknown one was met."""
    current: type[BaseModel] | None = model
    for step in place[:-1]:
        if current is None or not isinstance(step, str):
            continue
        field = next((f for name, f in current.model_fields.items() if step in (name, f.alias)), None)
        inner = [] if field is None else _models_in(field.annotation)
        current = inner[0] if inner else (current if field is None else None)
    return [] if current is None else [f.alias or name for name, f in current.model_fields.items()]


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def _fault(model: type[BaseModel], error: ErrorDetails) -> tuple[str, str]:
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        return f"unknown key {key!r}", did_you_mean(key, _keys_at(model, error["loc"]))
    if error["type"] == "missing":
        return "missing", "Add it."
    message = error["msg"].removeprefix("Value error, ")
    return f"{message} (it is {error['input']!r})" if not isinstance(error["input"], dict) else message, ""


def validated(model: type[Model], source: object, *, file: str, path: str = "") -> Model:
    """The model of a tree.

    Raises:
        TemplateError: A key is unknown or missing, or a value does not fit. The first fault is told.
    """
    try:
        return model.model_validate(source)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        what, mend = _fault(model, error)
        inner = ".".join(str(step) for step in error["loc"])
        raise TemplateError(
            file=file, path=".".join(filter(None, (path, inner))), what=what, mend=mend
        ) from invalid
