"""What the API tells Prometheus of the requests and jobs that it got."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from api_bench import JOBS, KEY, ApiBench, a_mark, api_bench


async def counted(bench: ApiBench, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return a metric's values by these labels."""
    text = (await bench.client.get("/metrics")).text
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


async def test_metrics_of_single_jobs() -> None:
    """Accepted, there already, refused, unconfirmed: each job is one of them."""
    async with api_bench() as bench:
        for _ in range(2):
            again = a_mark(job_id="one", on_duplicate="return")
            assert (await bench.client.post(JOBS, json=again)).is_success
        for wrong in (a_mark(job_id="one"), a_mark(type="nonsense"), a_mark(payload={})):
            assert (await bench.client.post(JOBS, json=wrong)).is_client_error
        bench.store.away = True
        assert (await bench.client.post(JOBS, json=a_mark())).status_code == 503
        bench.store.away = False
        for number in range(3):
            path = f"/api/v1/queues/guess-{number}/jobs"
            assert (await bench.client.post(path, json=a_mark())).status_code == 404
        found = await counted(bench, "headpond_jobs_submitted_total", "queue", "outcome")
        assert found == {
            ("attendance", "accepted"): 1,
            ("attendance", "duplicate"): 1,
            ("attendance", "refused"): 3,
            ("attendance", "unconfirmed"): 1,
            ("unknown", "refused"): 3,
        }


async def test_metrics_of_many_jobs_at_once() -> None:
    """Of a bulk each job is counted, whether it is refused as a whole or in parts."""
    async with api_bench() as bench:
        known = a_mark(job_id="one", on_duplicate="return")
        jobs = [known, known, a_mark(type="nonsense"), a_mark()]
        path = f"{JOBS}/bulk"
        refused = await bench.client.post(path, json={"mode": "all", "jobs": jobs})
        assert refused.is_client_error
        report = await bench.client.post(path, json={"mode": "each", "jobs": jobs})
        assert (report.status_code, report.json()["created"]) == (202, 2)
        found = await counted(bench, "headpond_jobs_submitted_total", "outcome")
        assert found == {("accepted",): 2, ("duplicate",): 1, ("refused",): 5}


async def test_metrics_of_requests() -> None:
    """By the route's template and never by what was asked for, and by the kind of answer."""
    async with api_bench() as bench:
        await bench.client.post(JOBS, json=a_mark())
        for path in ("/nowhere", "/nowhere/else", "/api/v1/jobs/none-1", "/api/v1/jobs/none-2"):
            assert (await bench.client.get(path)).status_code == 404
        requests = await counted(
            bench, "headpond_http_requests_total", "operation", "method", "route", "status"
        )
        assert requests == {
            ("submit_job", "POST", "/api/v1/queues/{queue}/jobs", "202"): 1,
            ("none", "GET", "none", "404"): 2,
            ("get_job", "GET", "/api/v1/jobs/{job_id}", "404"): 2,
        }
        seconds = await counted(bench, "headpond_http_request_seconds_count", "route", "status")
        assert seconds["/api/v1/jobs/{job_id}", "4xx"] == 2
        assert seconds["/metrics", "2xx"] == 1, "the scrape before this one"


async def test_metrics_are_open_to_whoever_scrapes() -> None:
    """Without a credential; what was refused for want of one is counted with its route unknown."""
    async with api_bench() as bench:
        transport = httpx.ASGITransport(bench.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as stranger:
            assert (await stranger.post(JOBS, json=a_mark())).status_code == 401
            text = (await stranger.get("/metrics")).text
        assert KEY not in text
        assert 'method="POST",operation="none",route="none",status="401"} 1.0' in text
