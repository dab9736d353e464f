"""`python -m docs.generate` writes docs/reference from the code: settings, metrics, commands, REST
and WebSocket. A test compares.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import typer
from prometheus_client.metrics import MetricWrapperBase

import main
from api.app import create_app
from api.asyncapi import document
from common import metrics
from common.settings import Settings

FOLDER = Path(__file__).parent / "reference"
_HEAD = "<!-- Made by `python -m docs.generate` from the code. -->\n"


def pages() -> dict[str, str]:
    """Text of each page by its file's name."""
    return {
        "settings.md": _page("Settings", _SETTINGS, _settings()),
        "metrics.md": _page("Metrics", _METRICS, _metrics()),
        "commands.md": _page("Commands", _COMMANDS, _commands()),
        "rest.md": _page("REST", _REST, _rest()),
        "websocket.md": _page("WebSocket messages", _WEBSOCKET, _websocket()),
    }


def _page(title: str, about: str, body: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", _HEAD, about, "", *body, ""])


def _table(head: str, rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    columns = head.split("|")
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(_cell(each) for each in row)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# --- settings

_SETTINGS = (
    "Read from the environment, then from `.env`, then from the file that `NAME_FILE` names "
    "(`DATABASE_URL_FILE=/run/secrets/database_url`), then from files in `/run/secrets` that bear "
    "a setting's name. A wrong value ends the start with its name, what is wrong and what to do."
)


def _settings() -> Iterator[str]:
    def row(name: str, field: Any) -> tuple[str, str, str]:
        default = "" if field.default in (None, "") else f"`{field.default}`"
        return f"`{name.upper()}`", default, field.description or ""

    yield from _table(
        "Setting|Default|What it is", (row(*item) for item in Settings.model_fields.items())
    )


# --- metrics

_METRICS = (
    "`GET /metrics` of the API, in Prometheus' format. Labels are bounded: programs, methods, "
    "codes, never keys of users."
)


def _metrics() -> Iterator[str]:
    found = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    rows = [(next(iter(each.describe())), ", ".join(each._labelnames)) for each in found]
    yield from _table(
        "Metric|Kind|Labels|What it counts",
        (
            (f"`{_exposed(about.name, about.type)}`", about.type, labels, about.documentation)
            for about, labels in sorted(rows, key=lambda row: row[0].name)
        ),
    )


def _exposed(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else name


# --- commands

_COMMANDS = (
    "`./run COMMAND` in a clone, `curvefeed COMMAND` from the wheel. Without a command: `up`."
)


def _commands() -> Iterator[str]:
    group = typer.main.get_command(main.app)
    for name, command in sorted(vars(group)["commands"].items()):
        yield f"## {name}\n\n{' '.join((command.help or '').split())}\n"
        options = [each for each in command.params if each.name != "help"]
        if options:
            yield from _table("Option|Default|What it is", (_option(each) for each in options))
            yield ""


def _option(option: Any) -> tuple[str, str, str]:
    is_argument = option.param_type_name == "argument"
    name = option.name.upper() if is_argument else "` `".join(option.opts)
    is_said = option.default not in (None, "", False, ()) and not callable(option.default)
    default = "required" if option.required else f"`{option.default}`" if is_said else ""
    return f"`{name}`", default, getattr(option, "help", None) or ""


# --- REST

_REST = (
    "Under `/docs` the running API shows the same with examples, as OpenAPI under `/openapi.json`. "
    "Amounts are decimal strings of base units. Errors are `application/problem+json`."
)


async def openapi() -> dict[str, Any]:
    """The document of an application that is never started: its pool connects to nothing."""
    pool = asyncpg.create_pool("postgresql://nowhere")
    return create_app(Settings(_env_file=None), pool, None, None).openapi()


def _rest() -> Iterator[str]:
    paths: dict[str, Any] = asyncio.run(openapi())["paths"]
    for path, operations in sorted(paths.items()):
        for method, operation in operations.items():
            yield f"## {method.upper()} {path}\n"
            about = (operation.get("summary", ""), operation.get("description", ""))
            yield f"{'. '.join(_cell(each) for each in about if each)}\n"
            parameters = operation.get("parameters", [])
            if parameters:
                yield from _table(
                    "Parameter|In|Kind|What it is", (_parameter(each) for each in parameters)
                )
                yield ""
            answers = ", ".join(f"`{status}`" for status in sorted(operation["responses"]))
            yield f"Answers: {answers}\n"


def _parameter(parameter: dict[str, Any]) -> tuple[str, str, str, str]:
    schema = parameter.get("schema", {})
    is_required = " (required)" if parameter.get("required") else ""
    about = parameter.get("description") or schema.get("description") or ""
    return f"`{parameter['name']}`{is_required}", parameter["in"], _kind(schema), about


def _kind(schema: dict[str, Any]) -> str:
    """A JSON Schema in a word or two."""
    if "enum" in schema:
        return " or ".join(f"`{each}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(_kind(each) for each in schema[key])
    kind, items = schema.get("type", "any"), schema.get("items")
    return f"list of {_kind(items)}" if isinstance(items, dict) else str(kind)


# --- WebSocket

_WEBSOCKET = (
    "Every message there is, from the models the hub speaks with; `GET /asyncapi.json` has the "
    "same as AsyncAPI 3. What they mean and when they come: [the protocol](../protocol.md)."
)


def _websocket() -> Iterator[str]:
    told = msgspec.json.decode(document())
    schemas: dict[str, Any] = told["components"]["schemas"]
    said = {
        reference["$ref"].rpartition("/")[2]
        for name, operation in told["operations"].items()
        if name.startswith("say_")
        for reference in operation["messages"]
    }
    messages: dict[str, Any] = told["components"]["messages"]
    for title, is_said in (("What clients say", True), ("What the hub says", False)):
        yield f"## {title}\n"
        for name, message in messages.items():
            if (name in said) == is_said:
                yield f"### {message['name']}\n\n{message['summary']}\n"
                yield from _table("Field|Kind", _fields(schemas[name], schemas))
                yield ""
    yield "## Close codes\n"
    closings = told["channels"]["websocket"]["x-close-codes"]
    yield from _table(
        "|".join(closings[0]), (tuple(str(v) for v in each.values()) for each in closings)
    )


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, field in schema.get("properties", {}).items():
        data = schemas.get(str(field.get("$ref", "")).rpartition("/")[2], {})
        inner = ", ".join(f"`{each}`" for each in data.get("properties", {}))
        yield f"`{name}`", f"{_kind(field)}{f': {inner}' if inner else ''}"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in pages().items():
        (FOLDER / file).write_text(text)
