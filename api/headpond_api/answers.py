"""How routes are declared and how their answers are made."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import Request
from starlette.responses import Response

from headpond_api.ingress import Ingress
from headpond_api.problems import MEDIA_TYPE

PROBLEM_SCHEMA: Final = "#/components/schemas/ProblemDocument"

_encode = msgspec.json.encode


def ingress_of(request: Request) -> Ingress:
    """Return what the routes of this process share."""
    ingress: Ingress = request.app.state.ingress
    return ingress


def json_answer(
    document: dict[str, Any], status: int, headers: dict[str, str] | None = None
) -> Response:
    """Return an answer that no model has to check: it was made from checked values."""
    return Response(_encode(document), status, headers, "application/json")


def problems_for(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare the problems of a route beside those that every route has."""
    return {status: _declared(status) for status in sorted({401, 403, *statuses, 500, 503})}


def _declared(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM_SCHEMA}}},
    }
