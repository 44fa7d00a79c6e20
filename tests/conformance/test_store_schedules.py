"""Schedules as a store keeps them: due, and fired once, whatever races."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bench import a_job, names
from headpond.jobs import JobState
from headpond.ports import ScheduleEntry
from headpond.timetable import Schedule, due, first, occurrence_id, pack_schedule, unpack_schedule

if TYPE_CHECKING:
    from bench import Bench


async def fired(bench: Bench) -> bool:
    """Fire what is due, as a worker does when an exchange tells it."""
    now_ms = bench.clock.now_ms()
    answers = []
    for entry in await bench.store.schedules(bench.name):
        what = due(unpack_schedule(entry.definition), entry.next_ms, now_ms)
        jobs = [a_job(occurrence_id(entry.name, at)) for at in what.times_ms]
        if what.next_ms != entry.next_ms:
            answers.append(await bench.fire(entry, *jobs, next_ms=what.next_ms))
    return all(answers)


async def test_schedules_of_a_new_queue_are_none(bench: Bench) -> None:
    """Nothing is due."""
    assert await bench.store.schedules(bench.name) == []
    answer = await bench.exchange(want=1)
    assert (answer.schedules_due, answer.next_due_ms) == (False, 0)
    assert (await bench.sample()).next_schedule_ms == 0


async def test_schedules_are_kept_as_given(bench: Bench) -> None:
    """By name; the store doesn't look into what they say."""
    now = bench.clock.now_ms()
    entries = [
        await bench.put_schedule("z", now + 1, b"\x00\xff any bytes"),
        await bench.put_schedule("a.b_c-d", 0, b"-"),
        await bench.put_schedule("B", now + 86_400_000, b"x" * 5000),
    ]
    assert await bench.store.schedules(bench.name) == [entries[2], entries[1], entries[0]]


async def test_schedules_of_one_name_replace_each_other(bench: Bench) -> None:
    """The last one counts."""
    now = bench.clock.now_ms()
    await bench.put_schedule("a", now + 1000, b"old")
    entry = await bench.put_schedule("a", now + 5000, b"new")
    assert await bench.store.schedules(bench.name) == [entry]
    assert (await bench.sample()).next_schedule_ms == now + 5000


async def test_schedules_can_be_removed(bench: Bench) -> None:
    """There was one, then there is none; its jobs stay."""
    now = bench.clock.now_ms()
    entry = await bench.put_schedule("a", now, b"x")
    assert await bench.fire(entry, a_job("occurrence"), next_ms=now + 1000)
    assert await bench.store.remove_schedule(bench.name, "a") is True
    assert await bench.store.remove_schedule(bench.name, "a") is False
    assert await bench.store.schedules(bench.name) == []
    assert await bench.state("occurrence") is JobState.WAITING
    bench.in_ms(5000)
    assert not (await bench.exchange()).schedules_due


async def test_schedules_say_when_they_are_due(bench: Bench) -> None:
    """A millisecond before, an exchange tells when to be back; then, that there is work to do."""
    due_ms = bench.clock.now_ms() + 1000
    await bench.put_schedule("late", due_ms + 5000, b"x")
    await bench.put_schedule("a", due_ms, b"x")
    await bench.put_schedule("never", 0, b"x")
    bench.in_ms(999)
    answer = await bench.exchange(want=1)
    assert (answer.schedules_due, answer.next_due_ms) == (False, due_ms)
    bench.in_ms(1)
    assert (await bench.exchange(want=1)).schedules_due
    assert (await bench.sample()).next_schedule_ms == due_ms


async def test_schedules_and_delayed_jobs_share_the_next_due(bench: Bench) -> None:
    """An idle worker wakes for whichever is earlier; a sample tells both."""
    now = bench.clock.now_ms()
    await bench.put_schedule("a", now + 2000, b"x")
    await bench.add("job", delay_ms=3000)
    assert (await bench.exchange(want=1)).next_due_ms == now + 2000
    sample = await bench.sample()
    assert (sample.next_due_ms, sample.next_schedule_ms) == (now + 3000, now + 2000)
    await bench.amend("job", due_ms=now + 1000)
    assert (await bench.exchange(want=1)).next_due_ms == now + 1000


async def test_schedules_fire_into_the_queue(bench: Bench) -> None:
    """The occurrence's job is there, and the next time is set, in one step."""
    now = bench.clock.now_ms()
    entry = await bench.put_schedule("nightly", now, b"x")
    job = a_job(occurrence_id("nightly", now), priority=7, tenant="acme")
    assert await bench.fire(entry, job, next_ms=now + 1000)
    assert await bench.store.schedules(bench.name) == [replace(entry, next_ms=now + 1000)]
    stored = await bench.job(job.id)
    assert (stored.state, stored.priority, stored.tenant) == (JobState.WAITING, 7, "acme")
    answer = await bench.exchange(want=1)
    assert (names(answer.claims), answer.schedules_due) == ([job.id], False)
    assert answer.next_due_ms == now + 1000


async def test_schedules_fire_once_whoever_races(bench: Bench) -> None:
    """However many workers find it due in the same moment, one of them fires it."""
    now = bench.clock.now_ms()
    entry = await bench.put_schedule("a", now, b"x")
    job = a_job(occurrence_id("a", now))
    fires = [bench.store.fire(bench.name, entry, [job], now + 1000) for _ in range(30)]
    assert sorted(await asyncio.gather(*fires)) == [False] * 29 + [True]
    bench.accepted.append(job.id)
    assert (await bench.sample()).added_total == 1


async def test_schedules_that_have_fired_do_nothing_more(bench: Bench) -> None:
    """Who comes late with what it read is refused, and none of its jobs is added."""
    now = bench.clock.now_ms()
    entry = await bench.put_schedule("a", now, b"x")
    assert await bench.fire(entry, a_job("one"), next_ms=now + 1000)
    assert not await bench.fire(entry, a_job("two"), next_ms=now + 2000)
    assert not await bench.exists("two")
    (kept,) = await bench.store.schedules(bench.name)
    assert kept.next_ms == now + 1000


async def test_schedules_that_were_changed_are_not_fired_by_the_old_word(bench: Bench) -> None:
    """Another definition of the same name and time is another schedule; so is one that is gone."""
    now = bench.clock.now_ms()
    old = await bench.put_schedule("a", now, b"old")
    new = await bench.put_schedule("a", now, b"new")
    assert not await bench.fire(old, a_job("one"), next_ms=now + 1000)
    assert await bench.store.schedules(bench.name) == [new]
    await bench.store.remove_schedule(bench.name, "a")
    assert not await bench.fire(new, a_job("one"), next_ms=now + 1000)
    assert await bench.store.schedules(bench.name) == []
    assert not await bench.exists("one")


async def test_schedules_occurrence_that_is_there_already_is_not_added_again(bench: Bench) -> None:
    """Its id follows from name and time: removed, put again and fired again it still runs once."""
    now = bench.clock.now_ms()
    job = a_job(occurrence_id("a", now))
    await bench.fire(await bench.put_schedule("a", now, b"x"), job, next_ms=now + 1000)
    await bench.store.remove_schedule(bench.name, "a")
    again = await bench.put_schedule("a", now, b"x")
    assert await bench.fire(again, job, next_ms=now + 1000)
    assert (await bench.sample()).added_total == 1


async def test_schedules_may_fire_nothing(bench: Bench) -> None:
    """Missed occurrences that are skipped only move the time on."""
    now = bench.clock.now_ms()
    entry = await bench.put_schedule("a", now - 600_000, b"x")
    assert await bench.fire(entry, next_ms=now + 1000)
    sample = await bench.sample()
    assert (sample.added_total, sample.next_schedule_ms) == (0, now + 1000)


async def test_schedules_may_fire_many_at_once(bench: Bench) -> None:
    """Missed occurrences that are made up for come in their order."""
    now = bench.clock.now_ms()
    entry = await bench.put_schedule("a", now - 6000, b"x")
    jobs = [a_job(occurrence_id("a", now - 6000 + 60 * number)) for number in range(100)]
    assert await bench.fire(entry, *jobs, next_ms=now + 1)
    assert await bench.start_order() == [job.id for job in jobs]


async def test_schedules_may_end(bench: Bench) -> None:
    """With 0 as the next time it is kept, and never due again."""
    now = bench.clock.now_ms()
    entry = await bench.put_schedule("a", now, b"x")
    assert await bench.fire(entry, a_job("last"), next_ms=0)
    assert await bench.store.schedules(bench.name) == [ScheduleEntry("a", b"x", 0)]
    bench.in_ms(10**9)
    assert not (await bench.exchange()).schedules_due
    assert (await bench.sample()).next_schedule_ms == 0


async def test_schedules_are_of_one_queue(bench: Bench) -> None:
    """The neighbour has its own."""
    other = bench.another("other")
    await other.configure()
    entry = await bench.put_schedule("a", bench.clock.now_ms(), b"x")
    assert await other.store.schedules(other.name) == []
    assert not await other.fire(entry, a_job("one"), next_ms=0)


async def test_schedules_fired_are_told_as_added(bench: Bench) -> None:
    """An occurrence begins like every job."""
    now = bench.clock.now_ms()
    entry = await bench.put_schedule("a", now, b"x")
    await bench.fire(entry, a_job("one"), a_job("two", delay_ms=10), next_ms=0)
    (event,) = await bench.events()
    assert (event.name, event.jobs, event.detail) == ("added", ("one", "two"), "")


async def test_schedules_go_on_by_the_timetable(bench: Bench) -> None:
    """A minute's schedule, looked at every 7 s for an hour, has run 60 times, each time once."""
    schedule = Schedule("minutely", "sweep", every_ms=60_000)
    start = first(schedule, bench.clock.now_ms())
    await bench.put_schedule("minutely", start, pack_schedule(schedule))
    ran: list[str] = []
    while bench.clock.now_ms() < start + 3_600_000:
        answer = await bench.exchange(want=5)
        assert answer.schedules_due == (answer.next_due_ms <= answer.now_ms)
        assert await fired(bench)
        claims = await bench.claim(5)
        ran += names(claims)
        await bench.done(*claims)
        bench.in_ms(7000)
    assert ran == [occurrence_id("minutely", start + 60_000 * number) for number in range(60)]
