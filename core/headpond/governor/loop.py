"""The loop around the decision: sample all queues in one round trip, decide, act only on change.

One owner, one stop event, one interruptible sleep. Nothing that a store, a fleet or a sink does
ends it; a store that does not answer makes every queue unknown, which never lowers anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headpond.errors import Unavailable
from headpond.events import FleetFailed, RoundDone, RoundFailed, StoreBack, StoreLost
from headpond.firing import fire_due
from headpond.governor.acting import Actor
from headpond.governor.wake import Alarm
from headpond.governor.watch import Look, Watch, is_at_rest
from headpond.scaling import Seen, decide, recall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headpond.events import Event, Sink
    from headpond.governor.store import GovernedStore
    from headpond.ports import Clock, Fleet, FleetView
    from headpond.queues import QueueSample
    from headpond.scaling import Policy

MOST_DOUBLINGS: Final = 20
AT_ONCE: Final = 16
"""Queues acted on at the same time: each costs a round trip to whoever runs the workers."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the governor looks."""

    round_s: float = 1.0
    debounce_s: float = 0.05
    patience_s: float = 2.0
    """A store or fleet that takes longer to answer does not answer."""
    retry_s: float = 0.25
    """After a failure; doubled with each further one …"""
    retry_max_s: float = 5.0
    """… up to this."""
    chance: Callable[[], float] = lambda: 0.5
    """A number in [0, 1): spreads the rounds of several governors by a tenth either way."""


class Governor:
    """Keeps every queue's workers at the number that its policy and its load ask for."""

    def __init__(  # noqa: PLR0913 - the ports of the loop, and its pace
        self,
        store: GovernedStore,
        fleet: Fleet,
        policies: Callable[[], Mapping[str, Policy]],
        sinks: Sequence[Sink],
        clock: Clock,
        *,
        pace: Pace = Pace(),
    ) -> None:
        """`policies` is asked in each round; `clock` is this machine's."""
        self.latest: dict[str, Look] = {}
        self._store = store
        self._fleet = fleet
        self._policies = policies
        self._sinks = tuple(sinks)
        self._clock = clock
        self._pace = pace
        self._alarm = Alarm(store.wakes, pace.debounce_s)
        self._actor = Actor(store, fleet, self._tell)
        self._watches: dict[str, Watch] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._failures = 0
        self._lost_ms = 0
        self._fleet_failure = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Look, and look again, until stopped."""
        listener = asyncio.create_task(self._alarm.listen())
        try:
            while not stop.is_set():
                for queue in await self._alarm.rest(await self._survive(), stop):
                    if queue in self._watches:
                        self._watches[queue].woken()
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener

    async def turn(self) -> float:
        """Look at every queue once, act, and return the seconds to the next round."""
        began = asyncio.get_running_loop().time()
        policies = self._policies()
        self._watches = {
            queue: self._watches.get(queue) or Watch(queue) for queue in sorted(policies)
        }
        samples = await self._sample()
        await self._fire(samples)
        views = await self._observe()
        now_ms = self._clock.now_ms()
        astir = [
            (policies[queue], seen)
            for queue, view in views.items()
            if not self._rests(
                policies[queue], seen := _seen(queue, now_ms, samples.get(queue), view)
            )
        ]
        await asyncio.gather(*(self._mind(policy, seen) for policy, seen in astir))
        self.latest = {queue: look for queue, look in self.latest.items() if queue in policies}
        self._tell(
            RoundDone(
                at_ms=self._clock.now_ms(),
                queues=len(policies),
                unknown=len(policies) - len(samples),
                took_s=asyncio.get_running_loop().time() - began,
                wanted={queue: look.decision.replicas for queue, look in self.latest.items()},
            )
        )
        return self._delay()

    async def _survive(self) -> float:
        try:
            return await self.turn()
        except Exception as error:  # noqa: BLE001 - a defect in one round must not end the next
            self._failures += 1
            self._tell(RoundFailed(self._clock.now_ms(), f"{type(error).__name__}: {error}"))
            return self._delay()

    def _delay(self) -> float:
        pace = self._pace
        spread = 0.9 + 0.2 * pace.chance()
        if not self._failures:
            return pace.round_s * spread
        doubled = pace.retry_s * 2.0 ** min(self._failures - 1, MOST_DOUBLINGS)
        return min(pace.retry_max_s, doubled * spread)

    async def _sample(self) -> Mapping[str, QueueSample]:
        """Sample every queue; none when the store does not answer."""
        try:
            async with asyncio.timeout(self._pace.patience_s):
                samples = await self._store.tick(list(self._watches))
        except (Unavailable, TimeoutError) as error:
            self._lose(str(error) or f"no answer within {self._pace.patience_s:g} s")
            return {}
        if self._lost_ms:
            now_ms = self._clock.now_ms()
            self._tell(StoreBack(now_ms, now_ms - self._lost_ms))
        self._failures, self._lost_ms = 0, 0
        return samples

    async def _fire(self, samples: Mapping[str, QueueSample]) -> None:
        """Fire the schedules that are due: a queue without a worker gets its jobs too."""
        late = [each for each in samples.values() if 0 < each.next_schedule_ms <= each.at_ms]
        await asyncio.gather(*(self._fire_of(each) for each in late))

    async def _fire_of(self, sample: QueueSample) -> None:
        watch = self._watches[sample.queue]
        async with self._gate:
            try:
                async with asyncio.timeout(self._pace.patience_s):
                    await fire_due(self._store, sample.queue, sample.at_ms)
                watch.unfired = ""
            except (Unavailable, TimeoutError):
                return  # the next round says what is wrong
            except Exception as error:  # noqa: BLE001 - a defect in one queue must not stop others
                defect = f"{sample.queue}: schedules: {type(error).__name__}: {error}"
                if defect != watch.unfired:
                    self._tell(RoundFailed(self._clock.now_ms(), defect))
                watch.unfired = defect

    def _lose(self, reason: str) -> None:
        self._failures += 1
        if not self._lost_ms:
            self._lost_ms = self._clock.now_ms()
            self._tell(StoreLost(self._lost_ms, reason))

    async def _observe(self) -> Mapping[str, FleetView]:
        """Ask the fleet; nothing is decided for queues whose workers nobody can count."""
        try:
            async with asyncio.timeout(self._pace.patience_s):
                views = await self._fleet.observe(list(self._watches))
        except Exception as error:  # noqa: BLE001 - fleets are many; none may stop the loop
            reason = f"{type(error).__name__}: {error}"
            if reason != self._fleet_failure:
                self._tell(FleetFailed(self._clock.now_ms(), "", reason))
            self._fleet_failure = reason
            return {}
        self._fleet_failure = ""
        return {queue: view for queue, view in views.items() if queue in self._watches}

    def _rests(self, policy: Policy, seen: Seen) -> bool:
        """Return whether there is nothing to think about: of a thousand queues most are so."""
        return is_at_rest(self.latest.get(seen.queue), policy, seen)

    async def _mind(self, policy: Policy, seen: Seen) -> None:
        """Decide for one queue and carry it out."""
        queue, sample = seen.queue, seen.sample
        watch = self._watches[queue]
        async with self._gate:
            try:
                if sample is not None and not watch.recalled:
                    await self._recall(watch)
                decision = decide(policy, seen, watch.memory)
                watch.memory = decision.memory
                self.latest[queue] = Look(policy, seen, decision)
                await self._actor.carry_out(watch, policy, decision, sample)
                watch.defect = ""
            except Unavailable as error:
                self._lose(str(error))
            except Exception as error:  # noqa: BLE001 - a defect in one queue must not stop others
                self._blame(watch, f"{watch.queue}: {type(error).__name__}: {error}")

    def _blame(self, watch: Watch, defect: str) -> None:
        """Tell a queue's defect once; the queue is minded again in each round."""
        if defect != watch.defect:
            self._tell(RoundFailed(self._clock.now_ms(), defect))
        watch.defect = defect

    async def _recall(self, watch: Watch) -> None:
        """Begin with what the governor before this one had learned."""
        latest = await self._store.decisions(watch.queue, 1)
        watch.memory = recall(latest[0]) if latest else watch.memory
        watch.recalled = True

    def _tell(self, event: Event) -> None:
        for sink in self._sinks:
            with contextlib.suppress(Exception):  # who only listens must not stop the loop
                sink.receive(event)


def _seen(queue: str, now_ms: int, sample: QueueSample | None, view: FleetView) -> Seen:
    return Seen(
        queue=queue,
        now_ms=now_ms,
        sample=sample,
        replicas=view.replicas,
        starting=view.starting,
        cold_start_s=view.cold_start_s,
        crash_looping=view.crash_looping,
        trouble=view.trouble,
    )
