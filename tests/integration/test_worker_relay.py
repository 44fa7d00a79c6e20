"""The relay: few tasks for jobs that don't wait, one each for those that do, nothing shared."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from headpond.jobs import Claim, JobId
from headpond_workers import relay as relays
from headpond_workers.held import Held
from headpond_workers.relay import Relay
from until import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


class Crew:
    """A relay whose jobs do what they are told, and what was seen of them."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self.relay = Relay(self._run)
        self.done: list[str] = []
        self.tasks: dict[str, asyncio.Task[Any]] = {}
        self.acts: dict[str, Callable[[], Awaitable[None]]] = {}

    async def _run(self, held: Held) -> float:
        task = asyncio.current_task()
        assert task is not None
        assert held.task is task
        self.tasks[held.claim.id] = task
        with contextlib.suppress(asyncio.CancelledError):
            await self.acts[held.claim.id]()
        self.done.append(held.claim.id)
        return asyncio.get_running_loop().time()

    def add(self, name: str, act: Callable[[], Awaitable[None]]) -> Held:
        """Run a job."""
        self.acts[name] = act
        held = Held(Claim(JobId(name), b"", "w.1", 0, 0, 1))
        self.relay.add(held)
        return held

    async def all_done(self, count: int) -> None:
        """Wait until so many have ended."""
        await until(lambda: len(self.done) == count, within_s=5)


async def nothing() -> None:
    """Do nothing, and don't wait."""


@pytest.fixture
async def crew() -> Crew:
    """Give a relay with nothing to do."""
    return Crew()


async def test_jobs_that_do_not_wait_share_a_task(crew: Crew, monkeypatch: Any) -> None:
    """One task runs them all, in order."""
    monkeypatch.setattr(relays, "STRETCH_S", 60)
    for number in range(50):
        crew.add(f"j{number}", nothing)
    await crew.all_done(50)
    assert crew.done == [f"j{number}" for number in range(50)]
    assert len(set(crew.tasks.values())) == 1


async def test_jobs_that_wait_run_beside_each_other(crew: Crew) -> None:
    """Each has a task of its own, and none is kept waiting by another."""
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    for number in range(100):
        crew.add(f"j{number}", wait)
    await until(lambda: len(crew.tasks) == 100, within_s=5)
    assert crew.done == []
    assert len(set(crew.tasks.values())) == 100
    go.set()
    await crew.all_done(100)


async def test_a_job_that_waits_holds_up_none_that_come_later(crew: Crew) -> None:
    """While the first waits, others begin and end."""
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    crew.add("slow", wait)
    crew.add("quick", nothing)
    await crew.all_done(1)
    crew.add("later", nothing)
    await crew.all_done(2)
    assert crew.done == ["quick", "later"]
    go.set()
    await crew.all_done(3)


async def test_after_many_that_waited_those_that_do_not_share_again(
    crew: Crew, monkeypatch: Any
) -> None:
    """What was learned of the former is forgotten with the latter."""
    monkeypatch.setattr(relays, "STRETCH_S", 60)

    async def wait() -> None:
        await asyncio.sleep(0)

    for number in range(100):
        crew.add(f"w{number}", wait)
    await crew.all_done(100)
    for number in range(300):
        crew.add(f"j{number}", nothing)
    await crew.all_done(400)
    crew.tasks.clear()
    for number in range(50):
        crew.add(f"k{number}", nothing)
    await crew.all_done(450)
    assert len(set(crew.tasks.values())) < 10


@pytest.mark.parametrize("waits", [False, True])
async def test_no_job_sees_what_another_has_set(crew: Crew, *, waits: bool) -> None:
    """Context variables are each job's own, also of a job that starts when another ends."""
    seen: dict[str, str] = {}

    def act(name: str, following: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            seen[name] = TENANT.get()
            TENANT.set(name)
            if waits:
                await asyncio.sleep(0)
            assert TENANT.get() == name
            if following:
                crew.add(following, act(following, ""))

        return run

    for number in range(20):
        crew.add(f"j{number}", act(f"j{number}", f"k{number}"))
    await crew.all_done(40)
    assert set(seen.values()) == {"nobody"}
    assert len(seen) == 40
    assert TENANT.get() == "nobody"


async def test_cancelling_one_cancels_no_other(crew: Crew) -> None:
    """The one that waits is interrupted; what ran before and what comes after is not."""
    held = [crew.add("before", nothing), crew.add("waits", asyncio.Event().wait)]  # type: ignore[arg-type]
    held.append(crew.add("beside", lambda: asyncio.sleep(0.05)))
    await until(lambda: len(crew.tasks) == 3, within_s=5)
    assert held[1].task is not None
    held[1].task.cancel()
    await crew.all_done(3)
    assert crew.done == ["before", "waits", "beside"]
    assert crew.tasks["waits"].cancelling() == 1
    assert crew.tasks["beside"].cancelling() == 0


async def test_a_job_that_cancels_itself_takes_none_along(crew: Crew) -> None:
    """Its task is used for nothing else."""

    async def cancel_me() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async def wait() -> None:
        await asyncio.sleep(0)
        crew.done.append("waited")

    crew.add("selfish", cancel_me)
    crew.add("other", wait)
    await crew.all_done(3)
    assert crew.done == ["selfish", "waited", "other"]


async def test_time_limits_inside_handlers_hold(crew: Crew) -> None:
    """`asyncio.timeout` belongs to the job that set it, and is over with it."""
    ended: list[str] = []

    async def limited() -> None:
        try:
            async with asyncio.timeout(0.02):
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append("limited")

    async def within() -> None:
        async with asyncio.timeout(0.01):  # noqa: ASYNC100 (it ends before)
            ended.append("within")

    async def after() -> None:
        await asyncio.sleep(0.05)
        ended.append("after")

    for name, act in (("within", within), ("limited", limited), ("after", after)):
        crew.add(name, act)
    await crew.all_done(3)
    assert ended == ["within", "limited", "after"]


async def test_a_long_stretch_lets_the_loop_turn(crew: Crew) -> None:
    """Handlers that never wait don't keep the loop from others for longer than a moment."""
    turns: list[int] = []

    async def busy() -> None:
        until_s = asyncio.get_running_loop().time() + 0.002
        while asyncio.get_running_loop().time() < until_s:
            pass

    for number in range(20):
        crew.add(f"j{number}", busy)
    while len(crew.done) < 20:
        await asyncio.sleep(0)
        turns.append(len(crew.done))
    assert max(b - a for a, b in zip([0, *turns], turns, strict=False)) <= 2


async def test_a_defect_of_the_runner_stops_no_other_job(
    crew: Crew, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the rest goes on."""

    async def fail() -> None:
        raise KeyError("nobody expected this")

    crew.add("bad", fail)
    crew.add("good", nothing)
    await crew.all_done(1)
    assert crew.done == ["good"]
    assert "cut off" in caplog.text
