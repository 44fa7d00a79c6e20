"""A credential that is bound to tenants: other tenants' jobs are none of its business."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from api_bench import JOBS, ApiBench, a_mark, api_bench
from headpond_api.auth import ROLES, Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def bench_of_acme() -> AsyncIterator[ApiBench]:
    """Give an API with a job `theirs` of another tenant, and a caller who is acme's operator."""
    async with api_bench() as bench:
        await bench.submit(job_id="theirs", tenant="globe")
        keys = bench.app.state.ingress.keys
        keys.owner = Caller("acme", ROLES["operator"], frozenset({"acme"}))
        yield bench


async def test_another_tenants_job_does_not_exist() -> None:
    """It is 404, it is on no list, and a repetition of its id does not show it."""
    async with bench_of_acme() as bench:
        await bench.submit(job_id="ours", tenant="acme")
        assert (await bench.client.get("/api/v1/jobs/theirs")).status_code == 404
        items = (await bench.client.get("/api/v1/jobs")).json()["items"]
        assert [job["id"] for job in items] == ["ours"]
        again = await bench.submit(job_id="theirs", tenant="acme", on_duplicate="return")
        assert (again.status_code, again.json()["code"]) == (409, "job-exists")
        assert "globe" not in again.text


async def test_a_job_for_another_tenant_is_refused() -> None:
    """One is 403; in a bulk the item is pointed at."""
    async with bench_of_acme() as bench:
        one = await bench.submit(tenant="globe")
        assert (one.status_code, one.json()["code"]) == (403, "tenant-forbidden")
        bulk = {"jobs": [a_mark(tenant="acme"), a_mark(tenant="globe")]}
        many = await bench.client.post(f"{JOBS}/bulk", json=bulk)
        assert many.status_code == 422
        assert [each["pointer"] for each in many.json()["errors"]] == ["/jobs/1/tenant"]


async def test_who_may_not_see_payloads_sees_the_rest() -> None:
    """An operator sees how a job stands, not what it carries."""
    async with bench_of_acme() as bench:
        await bench.submit(job_id="ours", tenant="acme")
        job = (await bench.client.get("/api/v1/jobs/ours")).json()
        assert (job["state"], job["payload"]) == ("waiting", None)
