"""From a JSON-RPC request to its reply: parameters are converted to what the method declares."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping

import structlog

from localnet.errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    RpcError,
    invalid_params,
)
from localnet.rpc.params import converted

log = structlog.get_logger()

Reply = dict[str, object]


class Endpoint:
    """A callable with the types of its positional parameters."""

    def __init__(self, function: Callable[..., object]) -> None:
        hints = typing.get_type_hints(function)
        parameters = inspect.signature(function).parameters.values()
        self._function = function
        self._types = [hints[parameter.name] for parameter in parameters]
        self._required = sum(p.default is inspect.Parameter.empty for p in parameters)

    def __call__(self, params: list[object]) -> object:
        """Convert and call. Raises RpcError -32602 for too few, too many or wrong parameters."""
        if len(params) < self._required:
            count = self._required
            raise invalid_params(f"`params` should have at least {count} argument(s)")
        if len(params) > len(self._types):
            raise invalid_params("Invalid parameters: Expected no more parameters.")
        given = zip(params, self._types, strict=False)
        return self._function(*(converted(value, kind) for value, kind in given))


class Dispatcher:
    """Methods by name."""

    def __init__(self, methods: Mapping[str, object]) -> None:
        self._endpoints = {
            name: Endpoint(function) for name, function in methods.items() if callable(function)
        }

    def reply(self, request: object) -> Reply | None:
        """The reply to one request; None for a notification of the client (no id)."""
        identity = request.get("id") if isinstance(request, dict) else None
        try:
            result = self._result(request)
        except RpcError as error:
            return {"jsonrpc": "2.0", "error": error.body(), "id": identity}
        except Exception:
            # A bug of ours: the caller is told, and whoever runs the node sees where.
            log.exception("rpc_method_failed")
            body = RpcError(INTERNAL_ERROR, "Internal error").body()
            return {"jsonrpc": "2.0", "error": body, "id": identity}
        if isinstance(request, dict) and "id" not in request:
            return None
        return {"jsonrpc": "2.0", "result": result, "id": identity}

    def _result(self, request: object) -> object:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            raise RpcError(INVALID_REQUEST, "Invalid request")
        endpoint = self._endpoints.get(request["method"])
        if endpoint is None:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        params = request.get("params")
        if params is None:
            params = []
        if not isinstance(params, list):
            raise invalid_params("Invalid params: expected an array.")
        return endpoint(params)
