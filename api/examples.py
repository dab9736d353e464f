"""Examples of whole answers for the documentation, made from those of the models' fields."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """An answer. Raises ValueError where a field has neither an example nor a default."""
    found = {}
    for name, field in model.model_fields.items():
        try:
            found[name] = _value_of(field)
        except ValueError:
            raise ValueError(f"{model.__name__}.{name} has no example") from None
    return found


def _value_of(field: FieldInfo) -> Any:
    if field.examples:
        return field.examples[0]
    annotation: Any = field.annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            inner = example_of(kind)
            return [inner] if get_origin(annotation) is list else inner
    if field.is_required():
        raise ValueError
    return field.get_default(call_default_factory=True)
