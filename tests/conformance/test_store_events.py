"""What the queue tells of itself, step by step: for dashboards, streams and those who wait."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from bench import BAD, a_job
from headpond.errors import Invalid
from headpond.jobs import Failed, FailReason, Released
from headpond.queues import Hold

if TYPE_CHECKING:
    from bench import Bench
    from headpond.ports import QueueEvent


def told(events: list[QueueEvent]) -> list[tuple[str, tuple[str, ...], str]]:
    """Return all but the ids."""
    return [(event.name, event.jobs, event.detail) for event in events]


async def test_events_of_a_queue_that_is_new_are_none(bench: Bench) -> None:
    """Nothing has happened."""
    assert await bench.store.events(bench.name) == []


async def test_events_follow_a_job_through_its_life(bench: Bench) -> None:
    """Each step is one event of its own."""
    await bench.add("a")
    await bench.release(await bench.take())
    await bench.fail(await bench.take(), retry_in_ms=10)
    bench.in_ms(10)
    await bench.take()
    bench.in_ms(15_001)
    await bench.tick()
    await bench.done(await bench.take())
    assert await bench.history("a") == [
        "added",
        "started",
        "released",
        "started",
        "retrying",
        "started",
        "lost",
        "started",
        "completed",
    ]


async def test_events_are_one_for_each_step_and_kind(bench: Bench) -> None:
    """However many jobs a step moves, it is told once, with all of their ids."""
    await bench.add_jobs([a_job("a"), a_job("b", delay_ms=1000), a_job("a"), a_job("c")])
    a, c = await bench.claim(5)
    await bench.done(a, c)
    assert told(await bench.events()) == [
        ("added", ("a", "b", "c"), ""),
        ("started", ("a", "c"), ""),
        ("completed", ("a", "c"), ""),
    ]


async def test_events_of_failures_tell_the_reason(bench: Bench) -> None:
    """One event for each reason of the step."""
    await bench.add("a", "b", "c")
    a, b, c = await bench.claim(3)
    await bench.exchange(
        Failed(a.id, a.fence, BAD, 1, FailReason.TIMEOUT),
        Failed(b.id, b.fence, BAD, 1, FailReason.UNRECOVERABLE),
        Failed(c.id, c.fence, BAD, 1, FailReason.TIMEOUT),
    )
    failed = {event.detail: event.jobs for event in await bench.events() if event.name == "failed"}
    assert failed == {"timeout": ("a", "c"), "unrecoverable": ("b",)}


async def test_events_of_parked_jobs_tell_the_type(bench: Bench) -> None:
    """A release that parks is told as that, by the type that nobody knows."""
    await bench.add("a", "b", "c")
    a, b, c = await bench.claim(3)
    await bench.exchange(
        Released(a.id, a.fence, parked="new-type"),
        Released(b.id, b.fence, parked="other-type", delay_ms=10),
        Released(c.id, c.fence),
    )
    events = told(await bench.events())
    assert ("parked", ("a",), "new-type") in events
    assert ("parked", ("b",), "other-type") in events
    assert ("released", ("c",), "") in events


async def test_events_of_poison_tell_loss_and_end(bench: Bench) -> None:
    """A job given up as crashed was lost before."""
    await bench.configure(max_deliveries=1)
    await bench.add("a")
    await bench.take()
    bench.in_ms(15_001)
    await bench.tick()
    assert await bench.history("a") == ["added", "started", "lost", "failed"]
    assert told(await bench.events())[-1] == ("failed", ("a",), "crashed")


async def test_events_of_holds_tell_the_source(bench: Bench) -> None:
    """Lifting what isn't held is no event."""
    await bench.store.hold(bench.name, Hold("runtime", "asha", "", bench.clock.now_ms()))
    await bench.store.resume(bench.name, "runtime")
    await bench.store.resume(bench.name, "runtime")
    await bench.store.hold(bench.name, Hold("spec", "git", "", bench.clock.now_ms()))
    assert told(await bench.events()) == [
        ("held", (), "runtime"),
        ("resumed", (), "runtime"),
        ("held", (), "spec"),
    ]


async def test_events_of_what_changed_nothing_are_none(bench: Bench) -> None:
    """Duplicates, stale reports, looks and empty exchanges are no events."""
    await bench.add("a")
    claim = await bench.take()
    await bench.done(claim)
    before = len(await bench.events())
    await bench.add("a")
    await bench.done(claim)
    await bench.claim()
    await bench.tick()
    await bench.cancel("a", "none")
    await bench.retry("a", "none")
    await bench.amend("a", priority=9)
    assert len(await bench.events()) == before


async def test_events_are_read_on_from_the_last_one_seen(bench: Bench) -> None:
    """Whatever the bites, each comes once, in order; at the end there is nothing more."""
    for number in range(10):
        await bench.add(f"job-{number}")
        bench.in_ms(3)
    seen: list[QueueEvent] = []
    while events := await bench.store.events(bench.name, seen[-1].id if seen else "", 3):
        assert len(events) <= 3
        seen += events
    assert [event.jobs for event in seen] == [(f"job-{number}",) for number in range(10)]
    assert await bench.store.events(bench.name, seen[-1].id) == []
    await bench.add("next")
    (event,) = await bench.store.events(bench.name, seen[-1].id)
    assert event.jobs == ("next",)


async def test_events_of_one_moment_have_ids_of_their_own(bench: Bench) -> None:
    """The ids begin with the store's time in ms, and no two are equal."""
    for number in range(5):
        await bench.add(f"job-{number}")
    ids = [event.id for event in await bench.store.events(bench.name)]
    assert len(set(ids)) == 5
    times = [int(event_id.partition("-")[0]) for event_id in ids]
    assert all(before <= after for before, after in pairwise(times))
    assert times[0] > 1_500_000_000_000


async def test_events_of_the_last_thousand_steps_are_kept(bench: Bench) -> None:
    """So many a reader may fall behind."""
    for number in range(1100):
        await bench.store.enqueue(bench.name, [a_job(f"job-{number}")])
        bench.accepted.append(a_job(f"job-{number}").id)
        if number == 500:
            await bench.check()  # it reads the events too, and would miss the first ones
    kept = await bench.store.events(bench.name, limit=10_000)
    assert len(kept) >= 1000
    assert [event.jobs for event in kept[-1000:]] == [(f"job-{n}",) for n in range(100, 1100)]


async def test_events_are_of_one_queue(bench: Bench) -> None:
    """The neighbour tells its own."""
    other = bench.another("other")
    await other.configure()
    await other.add("a")
    assert await bench.store.events(bench.name) == []
    assert len(await other.events()) == 1


async def test_events_limit_is_kept(bench: Bench) -> None:
    """A hundred unless told otherwise."""
    for number in range(120):
        await bench.store.enqueue(bench.name, [a_job(f"job-{number}")])
        bench.accepted.append(a_job(f"job-{number}").id)
    assert len(await bench.store.events(bench.name)) == 100
    assert len(await bench.store.events(bench.name, limit=7)) == 7


@pytest.mark.parametrize("after", ["nonsense", "-", "1-", "x-1", "1-2-3", "é-1", "1-1; FLUSHALL"])
async def test_events_after_a_foreign_id_are_refused(bench: Bench, after: str) -> None:
    """Ids come back from outside: what the store did not make is the caller's fault."""
    await bench.add("a")
    with pytest.raises(Invalid, match="is no event's id"):
        await bench.store.events(bench.name, after)
