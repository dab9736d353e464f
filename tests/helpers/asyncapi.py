"""The served AsyncAPI document as a judge of messages."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft7Validator

Json = dict[str, Any]


class Judge:
    """Says what is wrong with a message, by the document's schema of its `type`."""

    def __init__(self, document: Json) -> None:
        self._components = document["components"]
        self._validators: dict[str, Draft7Validator] = {}
        happenings = ("tell", "happen")
        self.told = self._by_type(document, [document["operations"][name] for name in happenings])

    def _by_type(self, document: Json, operations: list[Json]) -> dict[str, str]:
        """`type` of every message of these operations, and the name of its schema."""
        found: dict[str, str] = {}
        for each in [ref for operation in operations for ref in operation["messages"]]:
            name = each["$ref"].rpartition("/")[2]
            assert each["$ref"] == f"#/channels/websocket/messages/{name}"
            found[self._components["messages"][name]["name"]] = name
        assert set(found.values()) <= set(document["channels"]["websocket"]["messages"])
        return found

    def faults(self, message: Json) -> list[str]:
        """What the schema of a message of the hub says against it."""
        name = self.told.get(message["type"])
        if name is None:
            return [f"there is no {message['type']}"]
        return self.faults_of(name, message)

    def faults_of(self, name: str, value: object) -> list[str]:
        """What the schema of this name says against a value."""
        if name not in self._validators:
            schema = {"$ref": f"#/components/schemas/{name}", "components": self._components}
            self._validators[name] = Draft7Validator(schema)
        return [
            f"{each.json_path} {each.message}" for each in self._validators[name].iter_errors(value)
        ]


def references(node: object) -> list[str]:
    """Every $ref in a document."""
    if isinstance(node, list):
        return [ref for each in node for ref in references(each)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [ref for each in node.values() for ref in references(each)]


def resolve(document: Json, reference: str) -> object:
    """What a $ref points to. Raises KeyError where there is nothing."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found
