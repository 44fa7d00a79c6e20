"""The composition of the API: settings, store and apps → an ASGI application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from headpond.app.catalog import Catalog
from headpond.clock import SystemClock
from headpond.errors import HeadpondError
from headpond.ports import Clock, QueueStore
from headpond.settings import ApiSettings
from headpond_api import openapi, problems
from headpond_api.faults import RequestInvalid
from headpond_api.gateway import Gateway
from headpond_api.ingress import Ingress
from headpond_api.pointers import parameter_faults
from headpond_api.routes import jobs, probes, queues, submit

PREFIX: Final = "/api/v1"


def create_app(
    settings: ApiSettings, store: QueueStore, catalog: Catalog, *, clock: Clock | None = None
) -> FastAPI:
    """Return the application. Its lifespan starts and closes the store and the apps."""
    ingress = Ingress(settings, store, catalog, clock or SystemClock())
    for each in catalog.apps:
        each.max_payload_bytes = settings.max_payload_bytes

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with ingress.running():
            yield

    app = FastAPI(
        title="Headpond",
        lifespan=lifespan,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
    )
    app.state.ingress = ingress
    _serve(app, catalog)
    _explain(app)
    app.add_middleware(
        Gateway,
        keys=ingress.keys,
        limit=settings.max_body_bytes,
        meter=ingress.meter,
    )
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]  # FastAPI's own way
    return app


def _serve(app: FastAPI, catalog: Catalog) -> None:
    """Include the routes, the busiest first: they are tried in this order."""
    app.include_router(submit.router, prefix=PREFIX)
    app.include_router(jobs.router, prefix=PREFIX)
    app.include_router(queues.router, prefix=PREFIX)
    app.include_router(probes.router)
    for each in catalog.apps:
        for router in each.routers:
            app.include_router(router)


def _explain(app: FastAPI) -> None:
    """Turn whatever a route raises into a problem document."""

    @app.exception_handler(HeadpondError)
    async def of_ours(request: Request, error: HeadpondError) -> Response:
        return _answer(request, problems.of(error))

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        return _answer(request, problems.of_http(error, request.method, request.url.path))

    @app.exception_handler(RequestValidationError)
    async def of_schema(request: Request, error: RequestValidationError) -> Response:
        faults = parameter_faults(error.errors())
        return _answer(request, problems.of(RequestInvalid(faults)))


def _answer(request: Request, problem: problems.Problem) -> Response:
    state: dict[str, Any] = request.scope["state"]
    content = problem.encoded(request.scope["path"], state["request_id"])
    return Response(content, problem.status, dict(problem.headers), problems.MEDIA_TYPE)
