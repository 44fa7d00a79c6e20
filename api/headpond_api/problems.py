"""Errors as problem documents (RFC 9457). Pure: what a problem says, not how it is sent.

The status follows from the class; `docs/reference/problems.md` explains each `code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException

from headpond.errors import (
    ANY_JOB,
    Conflict,
    Denied,
    FieldError,
    Forbidden,
    HeadpondError,
    Invalid,
    NotFound,
    StoreFull,
    TooLarge,
    Unavailable,
)
from headpond_api.faults import CursorInvalid, MalformedJson, MediaTypeUnsupported

MEDIA_TYPE: Final = "application/problem+json"

TYPES: Final = "https://headpond.dev/problems/"
"""A problem's `type` is this and its code: a name, stable for ever, that need not be fetched."""

RETRY_AFTER_S: Final = 2
"""A Redis that fails over or restarts is back after about this long; sooner is just load."""

STATUS: Final[Mapping[type[HeadpondError], int]] = {
    MalformedJson: 400,
    CursorInvalid: 400,
    TooLarge: 413,
    MediaTypeUnsupported: 415,
    Invalid: 422,
    NotFound: 404,
    Conflict: 409,
    Forbidden: 403,
    Denied: 401,
    StoreFull: 507,
    Unavailable: 503,
    HeadpondError: 500,
}
"""The nearest class of an error's ancestry decides."""

TITLES: Final[Mapping[str, str]] = {
    "bulk-rejected": "No job of the bulk could be taken",
    "cursor-invalid": "The cursor is of no use",
    "denied": "Not allowed",
    "forbidden": "The caller may not do this",
    "held-by-spec": "The declaration holds this queue",
    "internal": "Something went wrong here",
    "job-ambiguous": "Several queues have this job id",
    "job-exists": "The job exists already",
    "batch-locked": "The batch is being worked on",
    "job-type-unknown": "There is no such job type",
    "job-unknown": "There is no such job",
    "jobs-exist": "Some of the jobs exist already",
    "key-missing": "There is no key to encrypt with",
    "malformed-json": "The body is not JSON",
    "media-type-unsupported": "The body must be JSON",
    "method-not-allowed": "The method is not allowed here",
    "not-durable": "The jobs are in, but not yet as safe as they should be",
    "payload-invalid": "The payload does not fit",
    "queue-unknown": "There is no such queue",
    "request-invalid": "The request does not fit its schema",
    "route-unknown": "There is no such route",
    "seal-broken": "What is sealed does not open",
    "store-full": "The store is full",
    "store-unavailable": "The store does not answer",
    "store-unfit": "The store is not fit for jobs",
    "tenant-forbidden": "The tenant is somebody else's",
    "too-large": "Too large",
    "unavailable": "It can't be done at the moment",
    "unauthenticated": "Who are you?",
}
"""What `code` is called in a few words; an app's own codes go by their status."""

_MEMBERS: Final = ("job_id", "job_ids", "queue", "queues", "job_type", "permission")
"""Attributes of errors that become members of the problem."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, ready to be sent."""

    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self, instance: str, request_id: str) -> dict[str, Any]:
        """Return the problem as RFC 9457 has it, for one request."""
        document: dict[str, Any] = {
            "type": TYPES + self.code,
            "title": TITLES.get(self.code) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            "request_id": request_id,
            **self.members,
        }
        if self.errors:
            document["errors"] = [
                {"pointer": each.pointer, "detail": each.detail} for each in self.errors
            ]
        return document

    def encoded(self, instance: str, request_id: str) -> bytes:
        """Return the document as JSON."""
        return msgspec.json.encode(self.document(instance, request_id))


def of(error: HeadpondError) -> Problem:
    """Turn an error of the tree into its problem."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    members = {name: getattr(error, name) for name in _MEMBERS if getattr(error, name, None)}
    if members.get("job_type") == ANY_JOB:  # a fault that lies outside of the payload
        del members["job_type"]
    return Problem(
        status=status,
        code=error.code,
        detail=str(error),
        errors=tuple(getattr(error, "errors", ())),
        members=members,
        headers=_headers(status),
    )


def of_http(error: HTTPException, method: str, path: str) -> Problem:
    """Turn an exception of the framework, or of an app's route, into its problem."""
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers.get("Allow", "")
        detail = f"{path} does not know {method}; it allows {allowed or 'nothing'}."
        return Problem(error.status_code, "method-not-allowed", detail, headers=headers)
    if error.status_code == HTTPStatus.NOT_FOUND and error.detail == HTTPStatus.NOT_FOUND.phrase:
        detail = f"There is no {path}; /docs lists what there is."
        return Problem(error.status_code, "route-unknown", detail, headers=headers)
    code = f"http-{error.status_code}"
    return Problem(error.status_code, code, str(error.detail), headers=headers)


def internal() -> Problem:
    """Return the problem for what nobody expected: it says nothing about the inside."""
    return Problem(500, "internal", "Something went wrong here; the log has it by the request_id.")


def _headers(status: int) -> dict[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="headpond"'}
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE}:
        return {"Retry-After": str(RETRY_AFTER_S)}
    return {}
