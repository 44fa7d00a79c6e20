"""`headpond import taskiq-redis`: what waits in stock brokers comes over once, come what may."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from bench import GOOD
from headpond.broker import HeadpondBroker
from headpond.cli.import_taskiq.mover import Mover
from headpond.envelope import unpack_envelope
from headpond.errors import StoreUnavailable
from headpond.jobs import Done, JobId, JobState
from headpond.queues import QueueSettings, Retention
from headpond.redis.stock import Connection, ListSource
from stock_brokers import STOCK, broker, kick, taken_by_a_worker
from stock_place import KINDS, Place, a_message, a_place
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from headpond.redis.stock import Entry
    from redis_server import RedisServer


@pytest.fixture
async def place(
    redis_server: RedisServer, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    """Give a place with the queue `mail`."""
    async with a_place(redis_server, namespace, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
async def test_what_waits_comes_over_in_its_order(place: Place, kind: str) -> None:
    """Ids, task names, arguments and labels are those of the message; the broker is empty then."""
    ids = await kick(kind, place.url, 7, origin="shop")
    code, out, err = await place.run(kind, "--batch", "3")
    assert (code, out) == (
        0,
        "7 read, 7 imported, 0 already there, 0 unreadable, 0 left.\n",
    ), err
    jobs = await place.jobs()
    assert [job.id for job in jobs] == ids
    envelope = unpack_envelope(jobs[3].body)
    assert (envelope.job_type, envelope.args, envelope.kwargs) == ("mail:send", [3], {"to": "ada"})
    assert envelope.labels["origin"] == "shop"
    assert place.lies(kind) == 0
    assert "Tasks: mail:send 7." in err


@pytest.mark.parametrize("kind", KINDS)
async def test_priority_delay_and_tenant_are_what_they_say(place: Place, kind: str) -> None:
    """As if the task had been kicked into Headpond; what the queue doesn't have is its default."""
    await kick(kind, place.url, 1, "a", priority="high", tenant="acme")
    await kick(kind, place.url, 1, "b", priority=77)
    await kick(kind, place.url, 1, "c", delay=600)
    await place.run(kind)
    found = await place.store.read("mail", [JobId("a-0"), JobId("b-0"), JobId("c-0")])
    high, odd, late = found
    assert high
    assert odd
    assert late
    assert (high.priority, high.tenant, unpack_envelope(high.body).tenant) == (7, "acme", "acme")
    assert odd.priority == 5
    assert late.state is JobState.DELAYED


async def test_an_imported_task_runs(place: Place) -> None:
    """The message on our wire is the one that a Headpond broker makes of the same kick."""
    await kick("list", place.url, 1, origin="shop", times=2)
    ours = HeadpondBroker(place.store, "mail")

    async def send(number: int, *, to: str) -> None:
        """Do nothing."""

    task = ours.register_task(send, task_name="mail:send")
    await task.kicker().with_task_id("own").with_labels(origin="shop", times=2).kiq(0, to="ada")
    await place.run("list")
    own, imported = await place.store.read("mail", [JobId("own"), JobId("id-0")])
    assert own
    assert imported
    assert unpack_envelope(imported.body) == unpack_envelope(own.body)


async def test_entries_of_a_worker_that_died_come_too_and_acknowledged_ones_do_not(
    place: Place,
) -> None:
    """A stream keeps what was acknowledged; it waits no more."""
    async with broker("stream", place.url):  # the group exists before the first task
        ids = await kick("stream", place.url, 10)
    await taken_by_a_worker(place.url, 6, acknowledged=2)
    code, out, err = await place.run("stream", "--alive-s", "0")
    assert (code, out) == (
        0,
        "8 read, 8 imported, 0 already there, 0 unreadable, 0 left.\n",
    ), err
    assert sorted(await place.ids()) == sorted(ids[2:])
    assert place.lies("stream") == 2
    assert place.raw.xpending(STOCK, "taskiq")["pending"] == 0
    names = [row["name"] for row in place.raw.xinfo_consumers(STOCK, "taskiq")]
    assert names == [b"worker"]


async def test_what_a_worker_may_be_running_is_left_to_it(place: Place) -> None:
    """It was heard of a moment ago: what it has would run twice."""
    async with broker("stream", place.url):
        await kick("stream", place.url, 5)
    await taken_by_a_worker(place.url, 3, acknowledged=0)
    code, out, err = await place.run("stream", "--alive-s", "3600")
    assert (code, out) == (1, "2 read, 2 imported, 0 already there, 0 unreadable, 3 left.\n")
    assert "3 are with the worker 'worker'" in err
    assert "stop it, and run this again" in err


@pytest.mark.parametrize("kind", KINDS)
async def test_a_dry_run_counts_and_changes_nothing(place: Place, kind: str) -> None:
    """Neither here nor there."""
    await kick(kind, place.url, 5)
    place.put(kind, b"\x80\x04junk")
    before = [place.raw.dump(key) for key in sorted(place.raw.keys())]
    code, out, _ = await place.run(kind, "--dry-run", "--batch", "2")
    said = "Nothing was changed: 6 read, 5 imported, 0 already there, 1 unreadable.\n"
    assert (code, out) == (1, said)
    assert [place.raw.dump(key) for key in sorted(place.raw.keys())] == before
    assert await place.ids() == []


@pytest.mark.parametrize("kind", KINDS)
async def test_what_can_not_be_read_stays_and_is_listed(place: Place, kind: str) -> None:
    """Binary junk, JSON of others, integers that no job can carry: nothing is ever dropped."""
    bad = [
        b"\x80\x04\x95junk\xff",
        b'{"task_id": "x"}',
        a_message("n", args=[99999999999999999999]),
        a_message("l", labels={"a": "x"}, labels_types={"a": 2}),
        a_message("m", labels={"tenant": "a b"}),
        b"[" * 100_000,
    ]
    await kick(kind, place.url, 2, "before")
    for body in bad:
        place.put(kind, body)
    await kick(kind, place.url, 2, "after")
    code, out, err = await place.run(kind, "--batch", "3")
    assert (code, out) == (1, "10 read, 4 imported, 0 already there, 6 unreadable, 6 left.\n"), err
    for reason in (
        "is no JSON",
        "is no message of taskiq: task_name: Field required",
        "an integer lies beyond 64 bits",
        "has labels that can't be read",
        "is of the tenant 'a b'",
    ):
        assert reason in err
    assert await place.ids() == ["before-0", "before-1", "after-0", "after-1"]
    if kind == "list":
        assert place.raw.lrange(STOCK, 0, -1) == bad[::-1]
        assert place.raw.keys() == [STOCK.encode()]
    else:
        assert [fields[b"data"] for _, fields in place.raw.xrange(STOCK)] == bad
    code, out, _ = await place.run(kind)
    assert (code, out) == (1, "6 read, 0 imported, 0 already there, 6 unreadable, 6 left.\n")


async def test_an_id_that_no_job_can_have_is_replaced_by_its_digest(place: Place) -> None:
    """The same one each time, so that it dedupes as well; the message's own is kept as a label."""
    async with broker("list", place.url) as stock:

        async def send() -> None:
            """Do nothing."""

        task = stock.register_task(send, task_name="mail:send")
        for _ in range(2):
            await task.kicker().with_task_id("order 7/ü").kiq()
    code, out, _ = await place.run("list")
    assert (code, out) == (0, "2 read, 1 imported, 1 already there, 0 unreadable, 0 left.\n")
    (job,) = await place.jobs()
    assert job.id.startswith("taskiq-")
    assert unpack_envelope(job.body).labels["taskiq_task_id"] == "order 7/ü"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_run_that_is_killed_is_repeated_without_loss_or_double(
    place: Place, kind: str
) -> None:
    """SIGKILL while it moves; what it had taken is found by the next run first."""
    ids = place.put_many(kind, 2000)
    process = await place.start(kind, "--batch", "1")
    await until(place.moves, 50)
    process.kill()
    await process.communicate()
    there = (await place.store.sample(["mail"]))["mail"].waiting
    assert 20 < there < 2000
    code, out, err = await place.run(kind)
    assert (code, out.endswith(" 0 left.\n")) == (0, True), err
    assert sorted(await place.ids()) == sorted(ids)
    assert (await place.store.sample(["mail"]))["mail"].added_total == 2000
    assert place.lies(kind) == 0


class _CutOff(ListSource):
    """Loses its Redis between the enqueue and the removal."""

    @override
    async def done(self, entries: Sequence[Entry]) -> None:
        message = f"The connection was lost before {len(entries)} entries were removed."
        raise StoreUnavailable(message)


async def test_a_job_that_ended_and_was_trimmed_meanwhile_does_not_come_again(
    place: Place,
) -> None:
    """Its id is free again by then; that it was taken over is remembered for a day."""
    keeps_none = Retention(1000, 0)
    await place.store.configure("mail", QueueSettings(completed=keeps_none))
    await kick("list", place.url, 3)
    connection = Connection(place.url)
    try:
        source = _CutOff(connection, STOCK)
        mover = Mover(source, HeadpondBroker(place.store, "mail"), 10, lambda _: None)
        await source.open()
        with pytest.raises(StoreUnavailable):
            await mover.move(asyncio.Event())
        assert mover.is_in_doubt
    finally:
        connection.close()
    claims = (await place.store.exchange("mail", "w", [], 10)).claims
    ended = [Done(claim.id, claim.fence, GOOD, 1) for claim in claims]
    await place.store.exchange("mail", "w", ended, 0)
    assert await place.store.read("mail", [JobId("id-0")]) == [None]
    code, out, _ = await place.run("list")
    assert (code, out) == (0, "3 read, 0 imported, 3 already there, 0 unreadable, 0 left.\n")
    assert await place.ids() == []


async def test_a_stop_ends_after_the_step(place: Place) -> None:
    """Ctrl-C loses nothing either, and says how to go on."""
    ids = place.put_many("list", 2000)
    process = await place.start("list", "--batch", "1")
    await until(place.moves, 50)
    process.terminate()
    _, err = await process.communicate()
    assert process.returncode == 1
    assert b"Stopped as asked; run it again to go on." in err
    assert place.raw.keys() == [STOCK.encode()]  # nothing beside it
    await place.run("list")
    assert await place.ids() == ids


async def test_a_stream_may_be_kept(place: Place) -> None:
    """Its entries stay for whoever reads them otherwise, and no stock worker gets them."""
    async with broker("stream", place.url):
        await kick("stream", place.url, 3)
    code, _, _ = await place.run("stream", "--keep")
    assert (code, place.lies("stream")) == (0, 3)
    code, out, _ = await place.run("stream", "--keep")
    assert (code, out) == (0, "0 read, 0 imported, 0 already there, 0 unreadable, 0 left.\n")


async def test_a_stream_that_another_group_reads_keeps_its_entries(place: Place) -> None:
    """What is deleted would be lost to the others."""
    async with broker("stream", place.url):
        await kick("stream", place.url, 3)
    place.raw.xgroup_create(STOCK, "audit", "0")
    code, _, err = await place.run("stream")
    assert (code, place.lies("stream")) == (0, 3)
    assert "The entries stay in the stream, acknowledged: 'audit' reads it as well." in err


async def test_a_stream_without_a_group_was_never_delivered(place: Place) -> None:
    """Its worker has never started: all of it waits."""
    place.put("stream", a_message("a"))
    code, _, err = await place.run("stream")
    assert (code, await place.ids()) == (0, ["a"]), err


async def test_entries_that_the_stream_has_trimmed_are_told(place: Place) -> None:
    """They were delivered, and their messages are gone: nobody can bring them back."""
    async with broker("stream", place.url):
        await kick("stream", place.url, 4)
    await taken_by_a_worker(place.url, 4, acknowledged=0)
    place.raw.xtrim(STOCK, maxlen=3, approximate=False)
    code, out, err = await place.run("stream", "--alive-s", "0")
    assert code == 0, err
    assert "3 imported" in out
    assert "trimmed" in out + err
