"""What real workers tell Prometheus, whatever their jobs come to."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import httpx
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from headpond.jobs import JobId, NewJob
from mill import QUEUE, Mill, Worker, open_mill
from mill_app import mill as queue
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest_asyncio.fixture
async def mill(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Mill]:
    """Give the mill, on a Redis of its own."""
    async with open_mill(redis_url, namespace, tmp_path) as it:
        yield it


async def scrape(worker: Worker) -> Figures:
    """Return what a worker says, as Prometheus reads it."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{worker.probe_port}/metrics?from=prometheus")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(figures: Figures, name: str, **labels: str) -> float | None:
    """Return a figure of the mill's, `None` where there is none."""
    return figures.get((f"headpond_{name}", frozenset({"queue": QUEUE, **labels}.items())))


def ends(figures: Figures, job_type: str) -> dict[str, float]:
    """Return how often jobs of a type ended how."""
    found = {}
    for (name, pairs), value in figures.items():
        labels = dict(pairs)
        if name == "headpond_jobs_total" and labels["job_type"] == job_type:
            found[labels["outcome"]] = value
    return found


async def test_metrics_before_anything_has_run(mill: Mill) -> None:
    """Slots, no jobs, no waits; and what the process itself takes."""
    (worker,) = await mill.start()
    figures = await scrape(worker)
    assert of(figures, "worker_slots") == 2
    assert of(figures, "worker_active") == 0
    assert of(figures, "job_wait_seconds_count") == 0
    assert figures["process_resident_memory_bytes", frozenset()] > 1_000_000
    assert await worker.probe("/livez") == await worker.probe("/readyz") == 200
    assert await worker.probe("/nothing") == 404


async def test_metrics_of_every_end(mill: Mill) -> None:
    """Completed, retried, failed, timed out, snoozed, cancelled: by job type, each once."""
    (worker,) = await mill.start()
    good = await mill.send("grind", 3)
    bad = await mill.send("raise-error")
    slow = await mill.send("hang")
    await mill.over(*good, *bad, *slow)
    cancelled = await mill.send("tidy")
    await mill.told("start", len(good) + 2 + 1 + 1)
    assert of(await scrape(worker), "worker_active") == 1
    await mill.store.cancel(QUEUE, [JobId(cancelled[0])])
    await mill.over(*cancelled)
    figures = await scrape(worker)
    assert ends(figures, "grind") == {"completed": 3}
    assert ends(figures, "raise-error") == {"retried": 1, "failed": 1}
    assert ends(figures, "hang") == {"timeout": 1}
    assert ends(figures, "tidy") == {"cancelled": 1}
    assert of(figures, "job_run_seconds_count", job_type="raise-error") == 2
    assert of(figures, "job_run_seconds_bucket", job_type="hang", le="0.25") == 0
    assert of(figures, "job_run_seconds_bucket", job_type="hang", le="10.0") == 1
    assert of(figures, "job_wait_seconds_count") == 7


async def test_metrics_of_a_handler_that_is_left(mill: Mill) -> None:
    """It is counted when it is left, once, although it goes on."""
    (worker,) = await mill.start()
    (job_id,) = await mill.send("hang-deaf")
    await mill.over(job_id)
    assert ends(await scrape(worker), "hang-deaf") == {"timeout": 1}


async def test_metrics_of_jobs_that_nobody_knows(mill: Mill) -> None:
    """Whatever they are called, they are one series."""
    (worker,) = await mill.start()
    known = queue.job_types["grind"].pack({"seconds": 0, "steps": 0})
    body = known.body.replace(b"grind", b"groan")
    strangers = [NewJob(JobId(f"s-{number}"), body) for number in range(3)]
    strangers.append(NewJob(JobId("broken"), b"\xc1"))
    assert all(await mill.store.enqueue(QUEUE, strangers))
    await until(lambda: worker.words().count("parked") == 3)
    await mill.over("broken")
    figures = await scrape(worker)
    assert ends(figures, "other") == {"parked": 3, "failed": 1}
    assert ends(figures, "groan") == {}


async def test_metrics_of_waiting(mill: Mill) -> None:
    """A wait is from when the job could start until it does, by the store's clock."""
    ids = await mill.send("grind", 4, seconds=0.6)
    delayed = await mill.send("grind", delay_ms=100)
    (worker,) = await mill.start()
    await mill.over(*ids, *delayed)
    figures = await scrape(worker)
    claimed = [(await mill.job(each)) for each in ids]
    lower = sum(job.finished_ms - job.created_ms for job in claimed) / 1000 - 4 * 1.2
    total = of(figures, "job_wait_seconds_sum")
    assert total is not None
    assert total > lower
    assert of(figures, "job_wait_seconds_bucket", le="+Inf") == 5
    assert of(figures, "job_wait_seconds_bucket", le="0.25") in {0, 1}


async def test_metrics_are_told_to_the_last(mill: Mill) -> None:
    """A worker that ends is asked until the last: its port closes after its jobs have ended."""
    (worker,) = await mill.start()
    (job_id,) = await mill.send("grind", seconds=1)
    await mill.told("start")
    worker.send(signal.SIGTERM)
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{worker.probe_port}/readyz")
    assert answer.text in {"not ready", "ready"}
    assert of(await scrape(worker), "worker_active") == 1
    assert await worker.ended() == 0
    await mill.over(job_id)
