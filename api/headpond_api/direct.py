"""A route that FastAPI documents and we run.

FastAPI's own way from a request to a function costs more than an enqueue does. A direct route is
declared as any other (path parameters and at most one model as body), so OpenAPI knows it; but its
body is the JSON that the gateway decoded already, and its answer is a Response.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.responses import Response
from typing_extensions import override

from headpond_api.faults import MalformedJson, RequestInvalid
from headpond_api.pointers import faults


class DirectRoute(APIRoute):
    """Calls `endpoint(request, **path parameters, body)` and sends the Response it returns."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return how a request becomes a response."""
        endpoint: Callable[..., Awaitable[Response]] = self.endpoint
        body = _body(endpoint)
        if body is None:

            async def bare(request: Request) -> Response:
                return await endpoint(request, **request.path_params)

            return bare
        name, adapter = body

        async def with_body(request: Request) -> Response:
            state = request.scope["state"]
            if "json" not in state:
                raise MalformedJson("it is empty.")
            try:
                value = adapter.validate_python(state["json"])
            except ValidationError as error:
                raise RequestInvalid(faults(error)) from error
            return await endpoint(request, **request.path_params, **{name: value})

        return with_body


def _body(endpoint: Callable[..., Any]) -> tuple[str, TypeAdapter[Any]] | None:
    hints = get_type_hints(endpoint)
    for name in inspect.signature(endpoint).parameters:
        kind = hints.get(name)
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            return name, TypeAdapter(kind)
    return None
