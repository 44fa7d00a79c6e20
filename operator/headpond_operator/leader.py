"""One operator acts at a time: the Lease, and what this process knows of its own right to write.

Who wants to lead writes its name and the time into a Lease. The others believe in it for as long as
the Lease says *by their own clocks* since they last saw it change, so no two clocks are compared.
The leader gives up earlier than that by its own clock: when a renewal fails for `GIVE_UP_S`, it
writes nothing more, three seconds before anybody else may.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from headpond.errors import HeadpondError
from headpond_operator.kube import CONFLICT, NOT_FOUND, KubeFault

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from headpond_operator.kube import Kube
    from headpond_operator.objects import Key

logger = logging.getLogger(__name__)

LEASE_S: Final = 9
"""So long the others wait after the last renewal: with the poll of a second and the first round a
successor acts within 12 s of a leader's sudden death, and within 15 s when all died at once."""
GIVE_UP_S: Final = 6.0
"""So long a leader believes in itself after a renewal began."""
RENEW_S: Final = 2.0
POLL_S: Final = 1.0


class NotLeading(HeadpondError):
    """A write was withheld: the Lease is not, or no longer surely, this process's."""

    code = "not-leading"
    retryable = True


@dataclass(slots=True)
class _Seen:
    """The Lease as it was last seen, and when it was first seen so."""

    record: tuple[str, str] = ("", "")
    since_s: float = 0.0
    lasts_s: float = LEASE_S


class Leader:
    """Takes the Lease, keeps it, and says at any moment whether it is held."""

    def __init__(
        self, kube: Kube, lease: Key, identity: str, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`now_s` must go on while the process is stopped."""
        self._kube = kube
        self._lease = lease
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{lease.namespace}/leases"
        self._identity = identity
        self._now_s = now_s
        self._renewed_s = float("-inf")
        self._seen = _Seen()
        self.holder = ""
        """Who leads, as last seen."""
        self.trouble = ""
        """Why the Lease can't be read or written, `""` when it can."""

    @property
    def is_leading(self) -> bool:
        """Whether this process may write now."""
        return self._now_s() - self._renewed_s < GIVE_UP_S

    def check(self) -> None:
        """Raise `NotLeading` unless this process may write now."""
        if not self.is_leading:
            message = f"The Lease {self._lease} is not surely held by {self._identity} any more."
            raise NotLeading(message)

    async def run(self, lead: Callable[[], Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
        """Run `lead` while the Lease is held, again and again, until stopped; then release it."""
        while not stop.is_set():
            await self._try()
            if self.is_leading:
                await self._lead(lead, stop)
            else:
                await _pause(POLL_S, stop)
        await self._release()

    async def _lead(
        self, lead: Callable[[], Coroutine[Any, Any, None]], stop: asyncio.Event
    ) -> None:
        work = asyncio.create_task(lead())
        try:
            while self.is_leading and not stop.is_set() and not work.done():
                await _pause(RENEW_S, stop, work)
                if not stop.is_set() and not work.done():
                    await self._renew()
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def _renew(self) -> None:
        """Try, and no longer than this process may believe in itself."""
        left_s = self._renewed_s + GIVE_UP_S - self._now_s()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, left_s)):
                await self._try()

    async def _try(self) -> None:
        """Take or renew the Lease if it may be; any fault leaves things as they are."""
        began_s = self._now_s()
        try:
            took = await self._take()
            self._worry("")
        except KubeFault as fault:
            self._worry("" if fault.status == CONFLICT else str(fault))
            return
        # Another's name in it ends all belief at once, whoever has written it.
        self._renewed_s = began_s if took else float("-inf")
        if took:
            self.holder = self._identity

    def _worry(self, trouble: str) -> None:
        """Say why the Lease can't be had, once: nobody acts meanwhile."""
        if trouble and trouble != self.trouble:
            extra = {"event": "lease-refused", "lease": str(self._lease)}
            logger.warning("the Lease %s can't be had: %s", self._lease, trouble, extra=extra)
        self.trouble = trouble

    async def _take(self) -> bool:
        try:
            lease = await self._kube.get(f"{self._path}/{self._lease.name}")
        except KubeFault as fault:
            if fault.status != NOT_FOUND:
                raise
            await self._kube.create(self._path, self._filled({}, 0))
            return True
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if holder != self._identity and not self._is_over(holder, spec):
            self.holder = holder
            return False
        changes = int(spec.get("leaseTransitions") or 0) + (holder != self._identity)
        await self._kube.replace(f"{self._path}/{self._lease.name}", self._filled(lease, changes))
        return True

    def _is_over(self, holder: str, spec: dict[str, Any]) -> bool:
        record = (holder, str(spec.get("renewTime")))
        if record != self._seen.record:
            lasts_s = float(spec.get("leaseDurationSeconds") or LEASE_S)
            self._seen = _Seen(record, self._now_s(), lasts_s)
        return not holder or self._now_s() - self._seen.since_s >= self._seen.lasts_s

    def _filled(self, lease: dict[str, Any], changes: int) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = lease.get("spec") or {}
        renews = old.get("holderIdentity") == self._identity
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": lease.get("metadata")
            or {"name": self._lease.name, "namespace": self._lease.namespace},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": LEASE_S,
                "acquireTime": old.get("acquireTime") if renews else now,
                "renewTime": now,
                "leaseTransitions": changes,
            },
        }

    async def _release(self) -> None:
        """Let the standby take over at once."""
        if not self.is_leading:
            return
        self._renewed_s = float("-inf")
        with suppress(KubeFault):
            lease = await self._kube.get(f"{self._path}/{self._lease.name}")
            if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
                lease["spec"]["holderIdentity"] = ""
                await self._kube.replace(f"{self._path}/{self._lease.name}", lease)


async def _pause(seconds: float, stop: asyncio.Event, *others: asyncio.Task[None]) -> None:
    """Return after `seconds`, or sooner when stopped or when one of the others has ended."""
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({stopped, *others}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
