"""Settings from files: NAME_FILE names the file that holds NAME, as images of databases do it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from common.errors import SettingsError

SUFFIX = "_FILE"


class SecretFiles(PydanticBaseSettingsSource):
    """Reads DATABASE_URL from the file that DATABASE_URL_FILE names, and so every setting.

    What stands in an environment is shown by `docker inspect` and inherited by children; what
    stands in a file is not. An empty file means "not set".
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - theirs
        """The file's text without white space around it. Raises SettingsError."""
        name = field_name.upper()
        path = os.environ.get(name + SUFFIX)
        if not path:
            return None, field_name, False
        if os.environ.get(name):
            raise SettingsError(f"both {name} and {name}{SUFFIX} are set", hint=f"Leave out {name}")
        try:
            return Path(path).read_text().strip() or None, field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{name}{SUFFIX} names a file that can't be read",
                hint="Is it there, and may this user read it?",
                file=path,
                reason=getattr(error, "strerror", None) or type(error).__name__,
            ) from None

    def __call__(self) -> dict[str, Any]:
        """All settings that a file holds."""
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}
