"""The Kubernetes API as the operator needs it: plain JSON in and out. Only here is a client known.

The client's models are left aside on purpose: they cost memory and time for fields nobody reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec
from kubernetes.aio import config as kube_config
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from headpond.errors import HeadpondError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

PATIENCE_S: Final = 3.0
"""No longer than what is left of a Lease when the latest write begins."""
PAGE: Final = 250
"""Objects of one page of a list: bounds the memory that a list takes."""

PLAIN: Final = "application/json"
METADATA: Final = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"


_T = TypeVar("_T")


class KubeFault(HeadpondError):
    """The API server refused, or did not answer (`status` 0)."""

    code = "kubernetes"
    retryable = True

    def __init__(self, status: int, reason: str, message: str) -> None:
        """Keep what the API server said."""
        self.status = status
        self.reason = reason
        super().__init__(message)

    @property
    def is_refusal(self) -> bool:
        """Whether the same request would be refused again: somebody has to change something."""
        # A patch that fits no Deployment is a fault of the server to the server.
        is_misfit = "typed patch" in str(self)
        return is_misfit or self.status in (400, 403, 404, 405, 422)


class HeadMetadata(msgspec.Struct, rename="camel"):
    """Which object it is, and which version of it."""

    name: str
    uid: str
    resource_version: str
    namespace: str = ""


class Head(msgspec.Struct):
    """An object of a list, without what it says."""

    metadata: HeadMetadata


class _ListMetadata(msgspec.Struct):
    continue_: str = msgspec.field(default="", name="continue")


class _Heads(msgspec.Struct):
    metadata: _ListMetadata
    items: list[Head] | None
    """`null`, not `[]`, of most kinds when there is none."""


HEADS: Final = msgspec.json.Decoder(_Heads)
OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


def _decoded(decoder: msgspec.json.Decoder[_T], text: bytes) -> _T:
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        message = f"What answers for the API server speaks no JSON of its: {error}"
        raise KubeFault(0, "Strange", message) from error


class Kube:
    """A client with one pool of connections."""

    def __init__(self) -> None:
        """Connect to nothing yet."""
        self._api: ApiClient | None = None

    async def start(self) -> None:
        """Read the pod's service account, else the kubeconfig; raise `KubeFault` without both."""
        configuration = Configuration()
        try:
            try:
                kube_config.load_incluster_config(client_configuration=configuration)
            except kube_config.ConfigException:
                await kube_config.load_kube_config(client_configuration=configuration)
        except kube_config.ConfigException as error:
            message = (
                "There is neither a service account of a pod nor a kubeconfig that works:"
                f" {error}. Name one in KUBECONFIG."
            )
            raise KubeFault(0, "NoCredentials", message) from error
        self._api = ApiClient(configuration=configuration)

    async def close(self) -> None:
        """Close the connections."""
        if self._api is not None:
            await self._api.close()

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """Return an object, or a list of them."""
        return await self._send("GET", path, query)

    async def items(self, path: str, **query: str) -> AsyncIterator[dict[str, Any]]:
        """Yield each object of a list, which is asked for in pages."""
        token = ""
        while True:
            page = await self.get(path, limit=str(PAGE), **query, **_if("continue", token))
            for item in page["items"]:
                yield item
            token = page["metadata"].get("continue", "")
            if not token:
                return

    async def versions(self, path: str) -> AsyncIterator[list[Head]]:
        """Yield the heads of a list's objects, page by page: all else of them is passed over."""
        token = ""
        while True:
            query = {"limit": str(4 * PAGE), **_if("continue", token)}
            heads = _decoded(HEADS, await self._ask("GET", path, query, accept=METADATA))
            yield heads.items or []
            token = heads.metadata.continue_
            if not token:
                return

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        return await self._send("POST", path, {}, body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Put an object in the place of the one whose resource version it carries."""
        return await self._send("PUT", path, {}, body)

    async def apply(self, path: str, body: Mapping[str, Any], manager: str) -> dict[str, Any]:
        """Apply on the server's side; what others own of these fields is ours afterwards."""
        query = {"fieldManager": manager, "force": "true"}
        return await self._send("PATCH", path, query, body, APPLY)

    async def patch(
        self, path: str, body: object, kind: Literal["merge", "json"] = "merge"
    ) -> dict[str, Any]:
        """Change some fields of an object."""
        content = MERGE if kind == "merge" else JSON_PATCH
        return await self._send("PATCH", path, {}, body, content)

    async def delete(self, path: str, uid: str = "") -> None:
        """Delete an object (of this uid alone); one that is gone already is no fault."""
        body = {"preconditions": {"uid": uid}} if uid else None
        try:
            await self._send("DELETE", path, {}, body)
        except KubeFault as fault:
            if fault.status != NOT_FOUND:
                raise

    async def _send(self, *request: Any) -> dict[str, Any]:
        """Ask as `_ask` does, and return the object that is the answer."""
        text = await self._ask(*request)
        found: dict[str, Any] = _decoded(OBJECT, text) if text else {}
        return found

    async def _ask(  # noqa: PLR0913, PLR0917 - the parts of a request
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: object = None,
        content: str = PLAIN,
        accept: str = PLAIN,
    ) -> bytes:
        if self._api is None:
            message = "The client has not been started."
            raise KubeFault(0, "NotStarted", message)
        headers = {"Accept": accept, "Content-Type": content}
        auth = ["BearerToken"]
        await self._api.update_params_for_auth(headers, [], auth, path, method, body)
        where = self._api.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        try:
            response = await self._api.call_api(
                method, where, headers, body, _request_timeout=PATIENCE_S
            )
            text = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or f"no answer within {PATIENCE_S:g} s"
            message = f"The API server can't be reached: {why}"
            raise KubeFault(0, "Unreachable", message) from error
        if response.status >= BAD:
            raise _fault(response.status, text)
        return bytes(text)


BAD: Final = 400
NOT_FOUND: Final = 404
CONFLICT: Final = 409


def _fault(status: int, text: bytes) -> KubeFault:
    try:
        said = msgspec.json.decode(text)
        return KubeFault(status, said.get("reason", ""), said.get("message", ""))
    except (ValueError, AttributeError):
        shown = text[:200].decode("utf-8", "replace")
        return KubeFault(status, "", f"The API server answered {status}: {shown}")


def _if(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}
