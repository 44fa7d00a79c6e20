"""The permission table: every permission that exists, and the roles that gather them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PERMISSIONS: Final[Mapping[str, str]] = {
    "jobs.create": "Enqueue jobs.",
    "jobs.read": "List jobs and see how they stand.",
    "jobs.payload.read": "See what a job carries, returned or died of.",
    "system.queues.read": "See queues, their figures and the scaling decisions.",
    "system.queues.manage": "Pause, resume and clear queues.",
}

ROLES: Final[Mapping[str, frozenset[str]]] = {
    "viewer": frozenset({"jobs.read", "system.queues.read"}),
    "operator": frozenset(
        {"jobs.create", "jobs.read", "system.queues.read", "system.queues.manage"}
    ),
    "admin": frozenset(PERMISSIONS),
}
