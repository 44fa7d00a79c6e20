"""Who stands behind a request, once the credential is checked."""

from __future__ import annotations

from dataclasses import dataclass

from headpond_api.faults import PermissionMissing


@dataclass(frozen=True, slots=True)
class Caller:
    """A name for logs and holds, what it may do, and for whom."""

    name: str
    permissions: frozenset[str]
    tenants: frozenset[str] | None = None
    """Tenants that it may act for; `None` means all."""

    def may(self, permission: str) -> bool:
        """Whether it has the permission."""
        return permission in self.permissions

    def need(self, permission: str) -> None:
        """Raise `Forbidden` without the permission."""
        if permission not in self.permissions:
            raise PermissionMissing(permission)

    def acts_for(self, tenant: str) -> bool:
        """Whether this tenant's jobs are its business; to others they do not exist."""
        return self.tenants is None or tenant in self.tenants
