"""Objects of one namespace by HTTP: kubectl takes a tenth of a second for each answer."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from kubernetes import config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kubernetes.client import ApiClient

GROUPS: Final = {
    "events": "api/v1",
    "pods": "api/v1",
    "deployments": "apis/apps/v1",
    "replicasets": "apis/apps/v1",
    "leases": "apis/coordination.k8s.io/v1",
    "queueconfigs": "apis/headpond.dev/v1alpha1",
    "horizontalpodautoscalers": "apis/autoscaling/v2",
}
NOT_FOUND: Final = 404
BAD: Final = 400
MERGE: Final = "application/merge-patch+json"


class Refused(Exception):  # noqa: N818 (it may be what a test wants)
    """The API server refused; `status` is its code."""

    def __init__(self, status: int, message: str) -> None:
        """Keep both."""
        self.status = status
        super().__init__(message)


class Objects:
    """What is in a namespace."""

    def __init__(self, api: ApiClient, namespace: str) -> None:
        """Ask through `api`."""
        self._api = api
        self._namespace = namespace

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self._api.configuration.host)

    def get(self, plural: str, name: str, part: str = "") -> dict[str, Any] | None:
        """Return an object, `None` when there is none."""
        try:
            return self.send("GET", plural, name, part)
        except Refused as refusal:
            if refusal.status != NOT_FOUND:
                raise
            return None

    def all(self, plural: str, fields: str = "", labels: str = "") -> list[dict[str, Any]]:
        """Return all objects of a kind whose fields and labels are so."""
        query = {"fieldSelector": fields, "labelSelector": labels}
        found: list[dict[str, Any]] = self.send("GET", plural, query=query)["items"]
        return found

    def merge(self, plural: str, name: str, patch: Mapping[str, Any], part: str = "") -> None:
        """Patch an object."""
        self.send("PATCH", plural, name, part, body=patch)

    def create(self, plural: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        return self.send("POST", plural, body=body)

    def delete(self, plural: str, name: str) -> None:
        """Delete an object, if it is there."""
        try:
            self.send("DELETE", plural, name)
        except Refused as refusal:
            if refusal.status != NOT_FOUND:
                raise

    def send(  # noqa: PLR0913 - what a request is made of
        self,
        method: str,
        plural: str,
        name: str = "",
        part: str = "",
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send any request; raise `Refused` with the API server's sentence."""
        where = f"{GROUPS[plural]}/namespaces/{self._namespace}/{plural}"
        path = "/".join(filter(None, [where, name, part]))
        url = f"{self.server}/{path}?{urlencode(query or {})}"
        content = MERGE if method == "PATCH" else "application/json"
        headers = {"Accept": "application/json", "Content-Type": content}
        self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        answer = self._api.rest_client.pool_manager.request(
            method, url, headers=headers, body=json.dumps(body) if body is not None else None
        )
        said: dict[str, Any] = json.loads(answer.data)
        if answer.status >= BAD:
            raise Refused(answer.status, said.get("message", ""))
        return said


@contextmanager
def objects_of(kubeconfig: Path, namespace: str) -> Iterator[Objects]:
    """Give the objects of a namespace."""
    api = config.new_client_from_config(str(kubeconfig))
    try:
        yield Objects(api, namespace)
    finally:
        api.close()
