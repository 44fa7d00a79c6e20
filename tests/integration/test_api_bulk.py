"""POST /queues/{queue}/jobs/bulk: all or none, or each for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from api_bench import JOBS, ApiBench, a_mark, api_bench

if TYPE_CHECKING:
    import httpx

BULK = f"{JOBS}/bulk"


async def send(bench: ApiBench, *jobs: Any, **fields: Any) -> httpx.Response:
    """Send a bulk."""
    return await bench.client.post(BULK, json={"jobs": list(jobs), **fields})


async def test_a_thousand_jobs_go_in_at_once() -> None:
    """The report names each job's id in the order of the request."""
    async with api_bench() as bench:
        answer = await send(bench, *[a_mark(job_id=f"j{n}") for n in range(1000)])
        report = answer.json()
        assert (answer.status_code, report["created"], report["mode"]) == (202, 1000, "all")
        assert [job["id"] for job in report["jobs"]] == [f"j{n}" for n in range(1000)]
        assert (await bench.counts())["waiting"] == 1000


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_bulk_has_one_to_a_thousand_jobs(count: int) -> None:
    """Fewer and more are 422."""
    async with api_bench() as bench:
        answer = await send(bench, *[a_mark()] * count)
        assert answer.status_code == 422
        assert [each["pointer"] for each in answer.json()["errors"]] == ["/jobs"]


async def test_one_bad_item_and_nothing_is_enqueued() -> None:
    """All or none is the default, and every fault is pointed at."""
    async with api_bench() as bench:
        bad = (a_mark(payload={}), a_mark(type="nope"), a_mark(priority=11), 7)
        answer = await send(bench, a_mark(), *bad)
        assert (answer.status_code, answer.json()["code"]) == (422, "bulk-rejected")
        assert [each["pointer"] for each in answer.json()["errors"]] == [
            "/jobs/1/payload/student_id",
            "/jobs/2/type",
            "/jobs/3/priority",
            "/jobs/4",
        ]
        assert (await bench.counts())["waiting"] == 0


async def test_in_mode_each_the_good_ones_go_in() -> None:
    """The report says of each item what became of it, and why."""
    async with api_bench() as bench:
        await bench.submit(job_id="old")
        answer = await send(
            bench,
            a_mark(job_id="new"),
            a_mark(payload={}),
            a_mark(job_id="old"),
            a_mark(job_id="old", on_duplicate="return"),
            mode="each",
        )
        report = answer.json()
        assert answer.status_code == 202
        statuses = [(job["id"], job["status"]) for job in report["jobs"]]
        assert statuses == [
            ("new", "created"),
            (None, "rejected"),
            ("old", "rejected"),
            ("old", "duplicate"),
        ]
        assert (report["created"], report["duplicates"], report["rejected"]) == (1, 1, 2)
        assert report["jobs"][1]["problem"]["errors"][0]["pointer"] == "/jobs/1/payload/student_id"
        assert report["jobs"][2]["problem"]["code"] == "job-exists"
        assert (await bench.counts())["waiting"] == 2


@pytest.mark.parametrize("mode", ["all", "each"])
async def test_where_nothing_is_good_there_is_no_2xx(mode: str) -> None:
    """A bulk of rejected items alone is 422 in either mode."""
    async with api_bench() as bench:
        answer = await send(bench, a_mark(payload={}), mode=mode)
        assert (answer.status_code, answer.json()["code"]) == (422, "bulk-rejected")


async def test_an_id_that_exists_stops_all_or_none() -> None:
    """409 names the ids, and nothing is enqueued."""
    async with api_bench() as bench:
        await bench.submit(job_id="old")
        answer = await send(bench, a_mark(job_id="new"), a_mark(job_id="old"))
        assert (answer.status_code, answer.json()["code"]) == (409, "jobs-exist")
        assert answer.json()["job_ids"] == ["old"]
        assert (await bench.counts())["waiting"] == 1


async def test_an_id_that_stands_twice_stops_all_or_none() -> None:
    """Two jobs can't have one id, inside of one request either."""
    async with api_bench() as bench:
        answer = await send(bench, a_mark(job_id="one"), a_mark(job_id="one"))
        assert (answer.status_code, answer.json()["job_ids"]) == (409, ["one"])
        assert (await bench.counts())["waiting"] == 0


async def test_a_bulk_can_be_repeated() -> None:
    """With ids and `on_duplicate: return` the second time makes nothing new, and is 200."""
    async with api_bench() as bench:
        jobs = [a_mark(job_id=f"j{n}", on_duplicate="return") for n in range(3)]
        assert (await send(bench, *jobs)).status_code == 202
        again = await send(bench, *jobs)
        assert (again.status_code, again.json()["duplicates"]) == (200, 3)
        assert (await bench.counts())["waiting"] == 3


async def test_an_unknown_queue_is_404() -> None:
    """That is no fault of an item."""
    async with api_bench() as bench:
        answer = await bench.client.post(
            "/api/v1/queues/nope/jobs/bulk", json={"jobs": [a_mark()], "mode": "each"}
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "queue-unknown")


async def test_a_payload_over_its_limit_rejects_its_item_only() -> None:
    """Each payload has its limit, whatever the size of the bulk."""
    async with api_bench(max_payload_bytes=1000) as bench:
        large = a_mark(payload={"student_id": 1, "note": "x" * 1000})
        answer = await send(bench, a_mark(), large, mode="each")
        assert [job["status"] for job in answer.json()["jobs"]] == ["created", "rejected"]
        assert answer.json()["jobs"][1]["problem"]["errors"][0]["pointer"] == "/jobs/1/payload"


async def test_while_the_store_is_away_the_answer_has_the_ids() -> None:
    """503 names the ids in order, so that the client can repeat under them."""
    async with api_bench() as bench:
        bench.store.away = True
        answer = await send(bench, a_mark(job_id="mine"), a_mark())
        assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
        assert "Retry-After" in answer.headers
        first, second = answer.json()["job_ids"]
        assert first == "mine"
        assert second
