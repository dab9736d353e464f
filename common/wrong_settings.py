"""What an operator reads when settings are wrong: each with its value, the reason, its purpose."""

from __future__ import annotations

from typing import get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from common.errors import SettingsError
from common.logging import redacted

_LONGEST = 60


def wrong_settings(error: ValidationError, model: type[BaseModel]) -> SettingsError:
    """One line for all of them; values of secrets are hidden."""
    told = []
    for problem in error.errors(include_url=False):
        name = ".".join(str(part) for part in problem["loc"])
        field = model.model_fields.get(name)
        reason = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        text = f"{name.upper()}={shown(problem['input'], field)}: {reason[:1].lower()}{reason[1:]}"
        if field is not None and field.description:
            text += f" ({field.description.rstrip('.')})"
        told.append(text)
    return SettingsError(
        "wrong settings: " + "; ".join(told),
        hint="Correct them in the environment or in .env; .env.example has every one",
    )


def shown(value: object, field: FieldInfo | None) -> str:
    """A value as it may be shown."""
    if field is None or is_secret(field):
        return "***"
    text = redacted(str(value))
    return f"'{text[:_LONGEST]}…'" if len(text) > _LONGEST else f"'{text}'"


def is_secret(field: FieldInfo) -> bool:
    """It may hold a password or a key."""
    return SecretStr in (field.annotation, *get_args(field.annotation))
