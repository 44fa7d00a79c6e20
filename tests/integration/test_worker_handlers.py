"""Whatever a handler does, its job ends by the rules and the worker lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.app.status import status_of
from headpond.broker.results import result_of
from headpond.jobs import FailReason, JobId, JobState, NewJob
from mill import QUEUE, Mill, open_mill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest_asyncio.fixture
async def mill(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Mill]:
    """Give the mill with one worker; however the handlers behaved, that one still works."""
    async with open_mill(redis_url, namespace, tmp_path) as it:
        (worker,) = await it.start()
        yield it
        assert worker.runs, worker.words()
        (job_id,) = await it.send("grind")
        (status,) = await it.over(job_id)
        assert status.state is JobState.COMPLETED
        assert await worker.probe("/livez") == 200
        assert await worker.probe("/readyz") == 200


async def test_errors_are_retried_then_given_up(mill: Mill) -> None:
    """Exceptions, exits and interrupts count as attempts: one retry here, then `exhausted`."""
    kinds = {
        "raise-error": "ValueError",
        "raise-stop-iteration": "HandlerExit",
        "exit-async": "HandlerExit",
        "exit-sync": "HandlerExit",
        "interrupt": "HandlerExit",
    }
    ids = [(await mill.send(kind))[0] for kind in kinds]
    statuses = await mill.over(*ids)
    assert [status.error for status in statuses] == list(kinds.values())
    assert {status.reason for status in statuses} == {FailReason.EXHAUSTED}
    assert {status.attempts for status in statuses} == {2}
    assert statuses[0].message == "? broken stone", "what is no Unicode is replaced"
    assert statuses[2].message == "SystemExit: 7"
    assert len(mill.story("start")) == 10


async def test_handlers_say_how_it_goes_on(mill: Mill) -> None:
    """Fail gives up at once, Retry comes again when it says, Snooze costs no attempt."""
    ids = [(await mill.send(kind))[0] for kind in ("give-up", "try-again", "snooze")]
    gave_up, tried_again, snoozed = await mill.over(*ids)
    assert (gave_up.reason, gave_up.attempts) == (FailReason.UNRECOVERABLE, 1)
    assert gave_up.message == "the stone is broken"
    assert (tried_again.state, tried_again.result) == (JobState.COMPLETED, 3)
    assert (snoozed.state, snoozed.result) == (JobState.COMPLETED, 1)
    assert len(mill.story("start", ids[2])) == 2


@pytest.mark.parametrize("kind", ["hang", "hang-in-thread", "hang-deaf"])
async def test_what_runs_too_long_is_stopped_and_its_slot_used_again(mill: Mill, kind: str) -> None:
    """A hanging handler ends as `timeout`, also one in a thread and one that hears nothing."""
    ids = await mill.send(kind, 4)
    statuses = await mill.over(*ids, within_s=10)
    assert {status.reason for status in statuses} == {FailReason.TIMEOUT}
    assert {status.message for status in statuses} == {
        "The handler ran longer than its timeout of 0.3 s."
    }
    assert len(mill.story("start")) == 4, "each is started once, four on two slots"


async def test_a_handler_in_a_thread_sees_that_nobody_waits(mill: Mill) -> None:
    """`job.cancelled` tells a handler in a thread that its time is up."""
    (job_id,) = await mill.send("watch", seconds=20)
    (status,) = await mill.over(job_id)
    assert status.reason is FailReason.TIMEOUT
    await mill.told("cancelled", within_s=2)


async def test_results_that_cannot_be_stored_fail_once_and_say_why(mill: Mill) -> None:
    """Objects, NaN, lone surrogates, huge texts, odd keys, integers: `unrecoverable` at once."""
    ids = [(await mill.send("yield-strange", steps=which))[0] for which in range(6)]
    statuses = await mill.over(*ids)
    assert {status.reason for status in statuses} == {FailReason.UNRECOVERABLE}
    assert {status.error for status in statuses} == {"ResultUnusable"}
    assert {status.attempts for status in statuses} == {1}
    words = ["object", "float", "surrogates", "1,000,0", "keys", "ints"]
    for status, word in zip(statuses, words, strict=True):
        assert word in status.message


async def test_an_unreadable_envelope_fails_as_integrity(mill: Mill) -> None:
    """Bytes that are no envelope end in `failed` at once, and can still be asked for."""
    await mill.store.enqueue(QUEUE, [NewJob(JobId("torn"), b"\xc1 no msgpack")])
    (job,) = await mill.ended("torn")
    assert job.reason is FailReason.INTEGRITY
    assert status_of(job).type == ""
    assert result_of(job).is_err
