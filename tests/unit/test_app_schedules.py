"""Schedules through an app: said in code or at run time, fired once, moved by no deployment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from headpond import App, JobStatus, JobType, Queue
from headpond.errors import ConfigInvalid, PayloadInvalid
from headpond.firing import fire_due
from headpond.jobs import JobId, JobState
from headpond.memory import MemoryQueueStore
from headpond.ports import ScheduleEntry
from headpond.queues import QueueSettings
from headpond.testing import START_MS, ManualClock

if TYPE_CHECKING:
    from headpond import ScheduleStatus

HOUR_MS = 3_600_000


class Mill:
    """One store, and the versions of an app that come and go on it."""

    def __init__(self) -> None:
        """Begin with an empty queue."""
        self.clock = ManualClock()
        self.store = MemoryQueueStore(self.clock)

    def version(self, **schedules: dict[str, Any]) -> Queue:
        """Return the queue of a version whose job types have these schedules."""
        app = App("mill")
        app.bind(self.store)
        queue = app.queue("grain")
        for name, times in schedules.items():
            queue.job(name, **times)(nothing)
        queue.job("take")(take)
        return queue

    async def fire(self, after_ms: int = 0) -> list[str]:
        """Let time pass, fire what is due, and return the ids that wait."""
        self.clock.advance_ms(after_ms)
        await fire_due(self.store, "grain", self.clock.now_ms())
        page = await self.store.page("grain", JobState.WAITING, "", 1000)
        return [job.id for job in page.jobs]


async def nothing() -> None:
    """Do nothing."""


async def take(payload: dict[str, int]) -> None:
    """Take a payload."""


@pytest.fixture
async def mill() -> Mill:
    """Give an empty mill."""
    it = Mill()
    await it.store.configure("grain", QueueSettings())
    return it


async def only(queue: Queue) -> ScheduleStatus:
    """Return the one schedule that there must be."""
    (schedule,) = await queue.schedules()
    return schedule


# ── in code ──


async def test_what_code_declares_comes_by_itself(mill: Mill) -> None:
    """Each occurrence is a job whose id says when; firing twice makes one."""
    queue = mill.version(sweep={"every": "1h", "priority": "high"})
    await queue.declare_schedules()
    schedule = await only(queue)
    assert (schedule.name, schedule.job_type, schedule.declared) == ("sweep", "sweep", True)
    assert (schedule.every, schedule.priority) == (timedelta(hours=1), 7)
    assert await mill.fire() == []
    (occurrence,) = await mill.fire(HOUR_MS)
    assert occurrence.startswith("sweep@")
    assert await mill.fire() == [occurrence]


async def test_a_deployment_moves_no_occurrence(mill: Mill) -> None:
    """The same version again, or one that only changes the priority, leaves the next time alone."""
    await mill.version(sweep={"every": "1h"}).declare_schedules()
    before = await only(mill.version())
    mill.clock.advance_ms(5 * HOUR_MS)
    await mill.version(sweep={"every": "1h"}).declare_schedules()
    assert await only(mill.version()) == before
    again = mill.version(sweep={"every": "1h", "priority": "low"})
    await again.declare_schedules()
    after = await only(again)
    assert (after.next_at, after.priority) == (before.next_at, 2)


async def test_other_times_begin_anew(mill: Mill) -> None:
    """A changed expression is followed from now on."""
    await mill.version(sweep={"every": "1h"}).declare_schedules()
    later = mill.version(sweep={"cron": "0 7 * * 1-5", "tz": "Asia/Kolkata"})
    await later.declare_schedules()
    schedule = await only(later)
    assert schedule.next_at is not None
    assert schedule.next_at.astimezone(UTC).strftime("%H:%M") == "01:30"


async def test_what_code_no_longer_declares_is_taken_away(mill: Mill) -> None:
    """What was made at run time stays, also under a name that code never knew."""
    first = mill.version(sweep={"every": "1h"}, polish={"every": "2h"})
    await first.declare_schedules()
    await first.job_types["take"].schedule("nightly", cron="@daily", payload={"weight": 1})
    await mill.store.put_schedule("grain", ScheduleEntry("newer", b"\xc1", 1))
    second = mill.version(polish={"every": "2h"})
    await second.declare_schedules()
    assert [each.name for each in await second.schedules()] == ["newer", "nightly", "polish"]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"cron": "0 7 * * 1-5", "every": "1h"}, "either"),
        ({"cron": "0 7 * *"}, "needs 5 fields"),
        ({"cron": "0 7 31 2 *"}, "never"),
        ({"every": "0s"}, "100 ms"),
        ({"every": -1}, "negative"),
        ({"every": "2y"}, "no duration"),
        ({"cron": "@daily", "tz": "Mars/Olympus"}, "no time zone"),
        ({"cron": "@daily", "missed": "some"}, "none of skip, once, all"),
        ({"cron": 5}, "5 is no cron expression"),
    ],
)
def test_schedules_that_make_no_sense_are_refused_where_they_are_declared(
    mill: Mill, times: dict[str, Any], words: str
) -> None:
    """And the job type is not declared either."""
    with pytest.raises(ConfigInvalid, match=words):
        mill.version(sweep=times)


def test_a_job_type_with_a_payload_is_scheduled_with_one(mill: Mill) -> None:
    """Code has none to give."""
    queue = mill.version()
    with pytest.raises(ConfigInvalid, match="needs a payload"):
        queue.job("weigh", every="1h")(take)
    assert "weigh" not in queue.job_types


# ── at run time ──


async def test_a_schedule_made_at_run_time(mill: Mill) -> None:
    """With a payload, a priority and a tenant of its own; taken away again."""
    queue = mill.version()
    job_type = queue.job_types["take"]
    start = datetime.fromtimestamp(START_MS / 1000, UTC) + timedelta(minutes=5)
    schedule = await job_type.schedule(
        "weigh", every="10m", start=start, payload={"weight": 3}, priority=9, tenant="acme"
    )
    assert schedule == await only(queue)
    assert (schedule.next_at, schedule.declared) == (start, False)
    (occurrence,) = await mill.fire(5 * 60_000)
    status = await status_of(job_type, occurrence)
    assert (status.type, status.tenant) == ("take", "acme")
    assert await queue.unschedule("weigh")
    assert not await queue.unschedule("weigh")
    assert await queue.schedules() == []


async def status_of(job_type: JobType, job_id: str) -> JobStatus:
    """Return the status of a job, which must be there."""
    status = await job_type.status(job_id)
    assert status is not None
    return status


async def test_the_same_schedule_again_goes_on(mill: Mill) -> None:
    """An app may say it at each start."""
    job_type = mill.version().job_types["take"]
    first = await job_type.schedule("weigh", every="1h", payload={"weight": 1})
    mill.clock.advance_ms(HOUR_MS // 2)
    again = await job_type.schedule("weigh", every="1h", payload={"weight": 2})
    assert again.next_at == first.next_at
    mill.clock.advance_ms(3 * HOUR_MS)
    (occurrence,) = await mill.fire()
    (job,) = await mill.store.read("grain", [JobId(occurrence)])
    assert job is not None
    assert b"\x02" in job.body, "the newer payload"


@pytest.mark.parametrize(
    ("name", "times", "words"),
    [
        ("a b", {"every": "1h"}, "no schedule's name"),
        ("weigh", {}, "either"),
        ("weigh", {"every": "1h", "tenant": "a b"}, "1 to 100"),
        ("weigh", {"cron": "0 0 30 2 *"}, "never"),
    ],
)
async def test_schedules_that_make_no_sense_are_refused(
    mill: Mill, name: str, times: dict[str, Any], words: str
) -> None:
    """At the call, and nothing is kept."""
    queue = mill.version()
    with pytest.raises(ConfigInvalid, match=words):
        await queue.job_types["take"].schedule(name, payload={"weight": 1}, **times)
    assert await queue.schedules() == []


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"priority": 11}, "/priority"),
        ({"payload": {"weight": "heavy"}}, "/weight"),
        ({"start": datetime(2030, 1, 1)}, "/start"),  # noqa: DTZ001 (the point)
    ],
)
async def test_wishes_of_a_schedule_are_refused_by_name(
    mill: Mill, wish: dict[str, Any], pointer: str
) -> None:
    """As for a job."""
    job_type = mill.version().job_types["take"]
    with pytest.raises(PayloadInvalid) as caught:
        await job_type.schedule("weigh", every="1h", **{"payload": {"weight": 1}, **wish})
    assert caught.value.errors[0].pointer == pointer


# ── firing ──


async def test_one_that_cannot_be_read_stops_no_other(mill: Mill) -> None:
    """A newer version may have written it; it is told, and fired by whoever can."""
    queue = mill.version(sweep={"every": "1h"})
    await queue.declare_schedules()
    await mill.store.put_schedule("grain", ScheduleEntry("newer", b"\xc1", START_MS))
    mill.clock.advance_ms(HOUR_MS)
    assert not await fire_due(mill.store, "grain", mill.clock.now_ms())
    page = await mill.store.page("grain", JobState.WAITING, "", 10)
    assert len(page.jobs) == 1


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ('{"jobs": {"encryptPayload": true}}', "is encrypted by now"),
        ('{"jobs": {"encryptPayload": "since tomorrow"}}', "can't be read here"),
    ],
)
async def test_no_payload_goes_in_clear_into_a_queue_that_is_encrypted(
    mill: Mill, caplog: pytest.LogCaptureFixture, document: str, words: str
) -> None:
    """It was scheduled before; it is told once, stops no other, and comes when it may again."""
    queue = mill.version(sweep={"every": "1h"})
    await queue.declare_schedules()
    # Another name for each case: what is told once is told once in a process.
    name = f"weigh-{len(document)}"
    await queue.job_types["take"].schedule(name, every="1h", payload={"weight": 7})
    await mill.store.configure("grain", QueueSettings(document=document))
    (only_one,) = await mill.fire(HOUR_MS)
    assert only_one.startswith("sweep@")
    assert not await fire_due(mill.store, "grain", mill.clock.now_ms())
    (told,) = [each.getMessage() for each in caplog.records if name in each.getMessage()]
    assert words in told
    await mill.store.configure("grain", QueueSettings(document="{}"))
    assert len(await mill.fire()) == 2


async def test_missed_occurrences_come_as_asked(mill: Mill) -> None:
    """None, the latest one, or all."""
    times = {"every": "1h"}
    queue = mill.version(
        none={**times, "missed": "skip"}, one=times, every={**times, "missed": "all"}
    )
    await queue.declare_schedules()
    fired = await mill.fire(3 * HOUR_MS + 600_000)
    assert sorted(name.partition("@")[0] for name in fired) == ["every"] * 3 + ["one"]
