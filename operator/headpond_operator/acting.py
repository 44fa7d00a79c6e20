"""What the leader does besides scaling: queues into force, Deployments as declared, status said."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from headpond.errors import HeadpondError, Unavailable
from headpond.events import RoundDone, StoreBack
from headpond_operator.cluster import QUEUES
from headpond_operator.conditions import Facts
from headpond_operator.leader import NotLeading
from headpond_operator.pods import FINE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from headpond.events import Event
    from headpond.governor.in_force import InForce
    from headpond.governor.watch import Look
    from headpond_operator.cluster import Cluster
    from headpond_operator.deployments import Deployments
    from headpond_operator.farewell import Farewell
    from headpond_operator.fleet import KubeFleet
    from headpond_operator.objects import Key
    from headpond_operator.reporter import Reporter
    from headpond_operator.roster import Roster, Standing

logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.5
"""Without a change; with one at once."""
LOST_EVERY_S: Final = 1.0
"""How often the store is asked for queues that it has lost: flushed, restored, failed over."""
GONE_S: Final = 30.0
"""A Lease and a sweep: the end of a QueueConfig that no leader has seen to is not older."""
AGAIN_S: Final = 300.0
"""Everything is put into force again so often: a replica that took over may have missed some."""
BEGIN_S: Final = 2.0
"""Of a failover's 15 s, for a store that may be away."""
SETTLE_S: Final = 0.02
"""Changes come in bursts: a watch tells them one by one."""


class Acting:
    """One leadership's work on the store's settings and on the cluster's objects."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it brings together
        self,
        cluster: Cluster,
        roster: Roster,
        in_force: InForce,
        farewell: Farewell,
        deployments: Deployments,
        fleet: KubeFleet,
        reporter: Reporter,
    ) -> None:
        """Work on these."""
        self._cluster = cluster
        self._roster = roster
        self._in_force = in_force
        self._farewell = farewell
        self._deployments = deployments
        self._fleet = fleet
        self._reporter = reporter
        self._store_work = asyncio.Event()
        self._deployment_work = asyncio.Event()
        self._report_work = asyncio.Event()
        self._ask_at_s = 0.0
        self._again_at_s = 0.0
        self._looked = asyncio.Event()
        self.latest: Callable[[], Mapping[str, Look]] = dict
        """The governor's latest decisions."""
        self.why_unfit: Callable[[], str] = lambda: ""
        """Why the store can't be used at all."""

    def changed(self, kind: str, key: Key) -> None:
        """Hear of a change in the maps."""
        if kind == QUEUES:
            self._store_work.set()
            self._touch(key)
        for queue_key in self._roster.targeting.get(key, ()):
            self._touch(queue_key)

    def _touch(self, key: Key) -> None:
        """Have a QueueConfig looked at from every side."""
        self._deployments.touch(key)
        self._reporter.touch(key)
        self._deployment_work.set()
        self._report_work.set()

    def refused(self, queue: str, sentence: str) -> None:
        """Hear that the store could not be configured."""
        logger.warning("%s", sentence, extra={"event": "queue-refused", "queue": queue})
        standing = self._roster.by_queue.get(queue)
        if standing is not None:
            self._reporter.touch(standing.declared.key)

    def receive(self, event: Event) -> None:
        """Hear from the governor that it has looked at every queue."""
        if isinstance(event, StoreBack):
            self._in_force.again()
        if isinstance(event, RoundDone):
            for look in self.latest().values():
                if look.seen.sample is not None:
                    self._in_force.compare(look.seen.sample)
            if self._in_force.pending:
                self._store_work.set()
            self._looked.set()
            self._report_work.set()

    def drifted(self, queue: str, sentence: str) -> None:
        """Hear that somebody else has changed a number of replicas."""
        logger.warning("%s", sentence, extra={"event": "replicas-changed", "queue": queue})
        standing = self._roster.by_queue.get(queue)
        if standing is not None:
            key = standing.declared.key
            self._reporter.tell(key, is_warning=True, reason="ReplicasChanged", message=sentence)

    async def begin(self) -> None:
        """Put all declared queues into force: what is not yet can't be told from what is away."""
        self._refresh()
        with suppress(HeadpondError, TimeoutError):
            async with asyncio.timeout(BEGIN_S):
                await self._in_force.settle()

    async def mind_store(self) -> None:
        """Keep the declared queues in force, for ever."""
        while True:
            await self._guarded(self._settle_store)
            await _rest(self._store_work)

    async def _settle_store(self) -> None:
        self._refresh()
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._again_at_s:
            self._again_at_s = now_s + AGAIN_S
            self._in_force.again()
        with suppress(Unavailable):  # whoever samples says that the store is away
            if now_s >= self._ask_at_s:
                self._ask_at_s = now_s + LOST_EVERY_S
                await self._in_force.find_lost()
            await self._in_force.settle()
            await self._farewell.settle()

    async def mind_deployments(self) -> None:
        """Keep the worker Deployments as declared, for ever."""
        while True:
            await self._guarded(self._settle_deployments)
            await _rest(self._deployment_work)

    async def _settle_deployments(self) -> None:
        self._refresh()
        await self._deployments.settle()

    async def report(self) -> None:
        """Keep the statuses true, for ever."""
        with suppress(TimeoutError):  # what was said before the restart holds until then
            async with asyncio.timeout(BEGIN_S):
                await self._looked.wait()
        while True:
            for queue, look in self.latest().items():
                standing = self._roster.by_queue.get(queue)
                if standing is not None:
                    self._reporter.note(standing.declared.key, look)
            await self._guarded(self._reporter.settle)
            await _rest(self._report_work)

    def facts(self, key: Key) -> Facts | None:
        """Return what is to be said of a QueueConfig, `None` when there is none."""
        standing, declared = self._roster.standings.get(key), self._cluster.queues.get(key)
        if standing is None or declared is None:
            return None
        queue = declared.queue
        counts, deployment = standing.counts, self._fleet.deployment(standing)
        # Without a Deployment nobody looks; what was seen before is no knowledge any more.
        is_seen = counts and deployment is not None
        return Facts(
            standing=standing,
            declared=declared,
            deployment=deployment,
            look=self.latest().get(queue) if is_seen else None,
            verdict=self._fleet.verdict(queue) if counts else FINE,
            refusal=self._deployments.refusals.get(key),
            unsettled=self.why_unfit() or self._in_force.refused.get(queue, ""),
            unwritten=self._fleet.unwritten(queue) if counts else "",
        )

    def _refresh(self) -> None:
        before = self._roster.standings
        if not self._roster.refresh():
            return
        configs = {q: s.config for q, s in self._roster.by_queue.items() if s.config is not None}
        self._in_force.want(configs)
        self._farewell.take(self._cluster.take_gone(GONE_S), configs.keys())
        for key, standing in self._roster.standings.items():
            if not _is_same(before.get(key), standing):
                self._touch(key)
        for key in before.keys() - self._roster.standings.keys():
            self._deployments.forget(key)
            self._reporter.forget(key)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Go on after a defect: it is logged, and the next round tries again."""
        try:
            await work()
        except NotLeading:
            pass  # the leadership is about to end
        except Exception:
            extra = {"event": "round-failed"}
            logger.exception("the operator met an error that nobody foresaw", extra=extra)


def _is_same(before: Standing | None, now: Standing) -> bool:
    """Compare by identity what is the same object as long as it says the same."""
    return (
        before is not None
        and before.config is now.config
        and before.policy is now.policy
        and (before.fault, before.older, before.rival) == (now.fault, now.older, now.rival)
    )


async def _rest(work: asyncio.Event) -> None:
    """Return when there is work, or after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_EVERY_S):
            await work.wait()
            await asyncio.sleep(SETTLE_S)
    work.clear()
