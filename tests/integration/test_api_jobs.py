"""GET /jobs and GET /jobs/{id}: how jobs stand."""

from __future__ import annotations

from typing import Any

import pytest

from api_bench import ApiBench, a_mark, api_bench
from headpond import App
from headpond.envelope import Outcome, pack
from headpond.jobs import Done, Failed, FailReason
from marks_app import mark_attendance


def reports() -> App:
    """Return an app with a second queue of the same job type."""
    app = App("reports")
    app.queue("reports").job("mark-attendance")(mark_attendance)
    return app


async def finish(bench: ApiBench, *, error: str = "") -> str:
    """Run the next job of the queue to its end; return its id."""
    (claim,) = (await bench.store.exchange("attendance", "w1", [], 1)).claims
    outcome = pack(Outcome(bench.clock.now_ms(), 1000, {"ok": 1}, error, "no luck", "line 1", "w1"))
    ended = (
        Failed(claim.id, claim.fence, outcome, 1000, FailReason.UNRECOVERABLE)
        if error
        else Done(claim.id, claim.fence, outcome, 1000)
    )
    await bench.store.exchange("attendance", "w1", [ended], 0)
    return claim.id


async def ids(bench: ApiBench, **params: Any) -> list[str]:
    """Follow the cursor to the end; return the ids of all pages."""
    found: list[str] = []
    for _ in range(200):
        answer = await bench.client.get("/api/v1/jobs", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [job["id"] for job in page["items"]]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]
    raise AssertionError(found)


async def test_a_completed_job_shows_its_result() -> None:
    """Result, worker and times are there; there is no error."""
    async with api_bench() as bench:
        await bench.submit(job_id="one")
        bench.clock.advance_ms(1500)
        await finish(bench)
        job = (await bench.client.get("/api/v1/jobs/one")).json()
        assert (job["state"], job["result"], job["error"]) == ("completed", {"ok": 1}, None)
        assert (job["created_at"], job["finished_at"]) == (
            "2026-04-05T00:00:00Z",
            "2026-04-05T00:00:01.500000Z",
        )
        assert job["attempts"] == 1


async def test_a_failed_job_shows_its_error() -> None:
    """Error and reason are there; there is no result (SEEDS A11.2)."""
    async with api_bench() as bench:
        await bench.submit(job_id="one")
        await finish(bench, error="ValueError")
        job = (await bench.client.get("/api/v1/jobs/one")).json()
        assert (job["state"], job["reason"], job["result"]) == ("failed", "unrecoverable", None)
        assert job["error"] == {"type": "ValueError", "message": "no luck", "trace": "line 1"}


async def test_an_unknown_job_is_404() -> None:
    """The problem names the id."""
    async with api_bench() as bench:
        answer = await bench.client.get("/api/v1/jobs/nope")
        assert (answer.status_code, answer.json()["code"]) == (404, "job-unknown")
        assert answer.json()["job_id"] == "nope"


async def test_an_id_in_several_queues_needs_the_queue() -> None:
    """409 names the queues; with one of them the job is found."""
    async with api_bench(reports()) as bench:
        await bench.submit(job_id="one")
        await bench.client.post("/api/v1/queues/reports/jobs", json=a_mark(job_id="one"))
        answer = await bench.client.get("/api/v1/jobs/one")
        assert (answer.status_code, answer.json()["code"]) == (409, "job-ambiguous")
        assert answer.json()["queues"] == ["attendance", "reports"]
        found = await bench.client.get("/api/v1/jobs/one", params={"queue": "reports"})
        assert found.json()["queue"] == "reports"


async def test_a_job_is_asked_for_in_queues_that_exist() -> None:
    """An unknown queue is 404 of the queue, an absent job 404 of the job."""
    async with api_bench() as bench:
        for queue, code in (("nope", "queue-unknown"), ("attendance", "job-unknown")):
            answer = await bench.client.get("/api/v1/jobs/one", params={"queue": queue})
            assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_every_job_is_on_exactly_one_page() -> None:
    """Small pages over two queues and several states have each job once."""
    async with api_bench(reports()) as bench:
        for number in range(7):
            await bench.submit(job_id=f"a{number}")
            await bench.client.post("/api/v1/queues/reports/jobs", json=a_mark(job_id=f"r{number}"))
        await bench.submit(job_id="later", delay=60)
        for _ in range(3):
            await finish(bench)
        expected = sorted([f"a{n}" for n in range(7)] + [f"r{n}" for n in range(7)] + ["later"])
        for limit in (1, 2, 3, 50):
            assert sorted(await ids(bench, limit=limit)) == expected


async def test_filters_hold_together() -> None:
    """State, queue, type and tenant each leave out what does not fit."""
    async with api_bench(reports()) as bench:
        await bench.submit(job_id="a", tenant="acme")
        await bench.submit(job_id="b", tenant="globe", delay=60)
        await bench.client.post(
            "/api/v1/queues/reports/jobs", json=a_mark(job_id="c", tenant="acme")
        )
        assert await ids(bench, state="waiting") == ["a", "c"]
        assert await ids(bench, state=["waiting", "delayed"], queue="attendance") == ["a", "b"]
        assert await ids(bench, tenant="acme", limit=1) == ["a", "c"]
        assert await ids(bench, tenant="acme", queue="reports") == ["c"]
        assert await ids(bench, type="mark-attendance", limit=2) == ["a", "b", "c"]
        assert await ids(bench, type="other") == []


async def test_a_rare_job_is_found_behind_many_others() -> None:
    """A filter is followed in bounded steps: pages may be empty and still have a cursor."""
    async with api_bench() as bench:
        jobs = [a_mark(job_id=f"j{n}", tenant="many", delay=10) for n in range(120)]
        jobs.append(a_mark(job_id="rare", tenant="few", delay=20))
        await bench.client.post("/api/v1/queues/attendance/jobs/bulk", json={"jobs": jobs})
        first = await bench.client.get("/api/v1/jobs", params={"tenant": "few", "limit": 1})
        assert first.json()["items"] == []
        assert await ids(bench, tenant="few", limit=1) == ["rare"]


async def test_lists_show_no_payload() -> None:
    """What a job carries is shown one by one only."""
    async with api_bench() as bench:
        await bench.submit()
        (job,) = (await bench.client.get("/api/v1/jobs")).json()["items"]
        assert not {"payload", "result", "error"} & set(job)


async def test_a_cursor_belongs_to_its_query() -> None:
    """A broken one, and one of another query, are 400."""
    async with api_bench() as bench:
        await bench.submit()
        await bench.submit()
        cursor = (await bench.client.get("/api/v1/jobs?limit=1")).json()["next_cursor"]
        for query in (f"cursor={cursor}&tenant=x", "cursor=%21", "cursor=abcd", "cursor=é"):
            answer = await bench.client.get(f"/api/v1/jobs?{query}")
            assert (answer.status_code, answer.json()["code"]) == (400, "cursor-invalid"), query


@pytest.mark.parametrize(
    ("query", "name"),
    [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("state=lost", "state")],
)
async def test_a_parameter_that_does_not_fit_is_named(query: str, name: str) -> None:
    """422 names the parameter."""
    async with api_bench() as bench:
        answer = await bench.client.get(f"/api/v1/jobs?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")
        assert repr(name) in answer.json()["errors"][0]["detail"]
