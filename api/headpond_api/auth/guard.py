"""What a route asks for: the caller, and a permission; the gateway checked the credential."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request

from headpond_api.auth.caller import Caller
from headpond_api.auth.permissions import PERMISSIONS


def caller_of(request: Request) -> Caller:
    """Return who is calling."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


def require(permission: str) -> Callable[[Request], Awaitable[Caller]]:
    """Return a dependency that gives the caller, or raises `Forbidden` without the permission.

    An unknown permission is refused when the routes are declared: a slip of the pen opens nothing.
    """
    if permission not in PERMISSIONS:
        message = f"{permission!r} is no permission; those are {', '.join(PERMISSIONS)}"
        raise ValueError(message)

    async def needed(request: Request) -> Caller:
        caller = caller_of(request)
        caller.need(permission)
        return caller

    return needed
