"""One queue's decision, carried out: drains, number of workers, record, wake-up mark."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from headpond.events import (
    Decided,
    DrainAcknowledged,
    DrainAsked,
    DrainWithdrawn,
    FleetFailed,
    Scaled,
)
from headpond.governor.drains import plan_down

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.events import Event
    from headpond.governor.drains import Plan
    from headpond.governor.store import GovernedStore
    from headpond.governor.watch import Watch
    from headpond.ports import Fleet
    from headpond.queues import QueueSample
    from headpond.scaling import Decision, Policy


class Actor:
    """Carries out decisions; writes only what changes."""

    def __init__(self, store: GovernedStore, fleet: Fleet, tell: Callable[[Event], None]) -> None:
        """Act on `fleet`, leave marks in `store`, tell what was done."""
        self._store = store
        self._fleet = fleet
        self._tell = tell

    async def carry_out(
        self, watch: Watch, policy: Policy, decision: Decision, sample: QueueSample | None
    ) -> None:
        """Tell, move, record, mark. Raises `Unavailable` when the store went away on the way."""
        is_news = watch.is_news(decision)
        if is_news:
            self._tell(_decided(decision))
        await self._move(watch, decision, sample)
        if is_news:
            await self._store.record(decision.queue, decision.to_json())
        if sample is not None:
            await self._mark(watch, policy, decision, sample)

    async def _move(self, watch: Watch, decision: Decision, sample: QueueSample | None) -> None:
        before = decision.before
        target = decision.replicas if decision.writes else before
        if target > before and not await self._write(watch, decision, target, ()):
            return
        if sample is None:
            return
        if decision.has("store-reset"):
            watch.staff = replace(watch.staff, asked=frozenset())  # the marks went with the data
        watch.staff = replace(watch.staff, wanted=max(before, target))
        plan = plan_down(sample, watch.staff, target)
        await self._drain(watch, decision, plan)
        if plan.to == watch.staff.wanted or await self._write(watch, decision, plan.to, plan.stop):
            watch.staff = plan.staff
            return
        # The fleet did not stop them: they are still under way, and next round's to be stopped.
        asked = plan.staff.asked | frozenset(plan.stop)
        watch.staff = replace(plan.staff, asked=asked, stopped=watch.staff.stopped)

    async def _drain(self, watch: Watch, decision: Decision, plan: Plan) -> None:
        queue, at_ms = decision.queue, decision.at_ms
        if plan.release:
            await self._store.undrain(queue, plan.release)
            self._tell(DrainWithdrawn(at_ms, queue, plan.release))
        if plan.ask:
            await self._store.drain(queue, plan.ask)
            self._tell(DrainAsked(at_ms, queue, plan.ask))
        ready = tuple(name for name in plan.stop if name not in watch.acknowledged)
        watch.acknowledged = frozenset(plan.stop)
        if ready:
            self._tell(DrainAcknowledged(at_ms, queue, ready))

    async def _write(
        self, watch: Watch, decision: Decision, replicas: int, victims: tuple[str, ...]
    ) -> bool:
        """Write the number; a fleet that fails is told of once, and tried again each round."""
        queue, at_ms = decision.queue, decision.at_ms
        try:
            await self._fleet.scale(queue, replicas, victims)
        except Exception as error:  # noqa: BLE001 - fleets are many; none may stop the loop
            reason = f"{type(error).__name__}: {error}"
            if reason != watch.failure:
                self._tell(FleetFailed(at_ms, queue, reason))
            watch.failure = reason
            return False
        watch.failure = ""
        self._tell(Scaled(at_ms, queue, decision.before, replicas, victims))
        return True

    async def _mark(
        self, watch: Watch, policy: Policy, decision: Decision, sample: QueueSample
    ) -> None:
        mark = watch.next_mark(policy, sample, decision)
        if mark is not None:
            await self._store.set_wake(decision.queue, mark)
            watch.marked(mark, sample, decision.at_ms)


def _decided(decision: Decision) -> Decided:
    return Decided(
        at_ms=decision.at_ms,
        queue=decision.queue,
        before=decision.before,
        replicas=decision.replicas,
        rule=decision.rule,
        reason=decision.reason,
        writes=decision.writes,
    )
