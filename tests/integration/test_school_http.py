"""The attendance routes as the API serves them, with jobs in a real Redis."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import SecretStr

from headpond.app.catalog import Catalog, load_apps
from headpond.envelope import Outcome, pack
from headpond.jobs import Done, Failed, FailReason
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore
from headpond.settings import ApiSettings
from headpond_api.app import create_app
from headpond_api.auth import ROLES, Caller
from headpond_school.routes import calling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from redis_server import RedisServer

ROUTES = "/api/v2/api/school/attendance"
KEY = "a-key-for-tests"


def a_mark(**fields: object) -> dict[str, object]:
    """Build a mark as it is sent, with `fields` on top."""
    sent = {"tenantId": "acme", "institutionId": "north", "studentId": 7, "sessionId": 2}
    return sent | {"date": "2024-12-25", "status": "present"} | fields


@pytest.fixture
async def store(redis_url: str, namespace: str) -> AsyncIterator[RedisQueueStore]:
    """Give a store with the school's queue."""
    store = RedisQueueStore(redis_url, namespace)
    await store.start()
    await store.configure("attendance", QueueSettings())
    yield store
    await store.close()


@pytest.fixture
def api(store: RedisQueueStore) -> FastAPI:
    """Build the API with the school app in it."""
    catalog = Catalog(load_apps(["headpond_school"]))
    return create_app(ApiSettings(api_key=SecretStr(KEY)), store, catalog)


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client with the key."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(api),
        base_url="http://headpond.test",
        headers={"X-API-Key": KEY},
    ) as client:
        yield client


async def send(client: httpx.AsyncClient, **fields: object) -> httpx.Response:
    """Send one mark."""
    return await client.post(f"{ROUTES}/mark", json=a_mark(**fields))


async def jobs_in(store: RedisQueueStore) -> int:
    """Count the jobs ever accepted."""
    return (await store.sample(["attendance"]))["attendance"].added_total


async def end_next(store: RedisQueueStore, outcome: Outcome) -> None:
    """Run the next job as a worker would, with this outcome."""
    (claim,) = (await store.exchange("attendance", "w1", [], 1)).claims
    packed = pack(outcome)
    ended = (
        Failed(claim.id, claim.fence, packed, run_us=10, reason=FailReason.EXHAUSTED)
        if outcome.error
        else Done(claim.id, claim.fence, packed, run_us=10)
    )
    await store.exchange("attendance", "w1", [ended], 0)


async def test_a_mark_is_accepted_as_a_job(
    client: httpx.AsyncClient, store: RedisQueueStore
) -> None:
    """202 names the job, which is in the queue with the tenant and the high priority."""
    answer = await send(client)
    job_id = "acme~student-7-session-2-date-25122024"
    assert answer.status_code == 202
    assert answer.json() == {
        "jobId": job_id,
        "queue": "attendance",
        "duplicate": False,
        "statusUrl": f"{ROUTES}/job/{job_id}",
    }
    (job,) = await store.read("attendance", [answer.json()["jobId"]])
    assert job is not None
    assert (job.tenant, job.priority) == ("acme", 7)


@pytest.mark.parametrize("later", [{}, {"status": "absent"}, {"date": "2024-12-25T08:00:00Z"}])
async def test_a_repeat_gets_the_first_ones_job(
    client: httpx.AsyncClient, store: RedisQueueStore, later: dict[str, object]
) -> None:
    """200 with the same job id, and no second job, whatever the status says."""
    first = await send(client)
    again = await send(client, **later)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == {**first.json(), "duplicate": True}
    assert await jobs_in(store) == 1


async def test_a_repeat_of_a_mark_that_is_done_gets_its_job_too(
    client: httpx.AsyncClient, store: RedisQueueStore
) -> None:
    """The id stays known while the finished job is kept."""
    await send(client)
    await end_next(store, Outcome(started_ms=1, run_us=10))
    assert (await send(client)).status_code == 200
    assert await jobs_in(store) == 1


@pytest.mark.parametrize(
    "other", [{"tenantId": "other"}, {"sessionId": None}, {"studentId": 8}, {"date": "2024-12-26"}]
)
async def test_another_tenant_student_session_or_date_is_another_mark(
    client: httpx.AsyncClient, other: dict[str, object]
) -> None:
    """Each of the four sets marks apart."""
    await send(client)
    assert (await send(client, **other)).status_code == 202


async def test_of_fifty_at_once_one_is_the_first(
    client: httpx.AsyncClient, store: RedisQueueStore
) -> None:
    """However they race, one makes the job and the others get it."""
    answers = await asyncio.gather(*(send(client) for _ in range(50)))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: 49}
    assert len({answer.json()["jobId"] for answer in answers}) == 1
    assert await jobs_in(store) == 1


async def test_an_invalid_mark_is_refused_with_every_fault(
    client: httpx.AsyncClient, store: RedisQueueStore
) -> None:
    """422 has a pointer and a sentence for each field, and nothing is enqueued."""
    answer = await send(client, status="asleep", date="2024-02-30", mood="cheerful")
    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem["job_type"]) == ("payload-invalid", "mark-attendance")
    assert {fault["pointer"] for fault in problem["errors"]} == {"/status", "/date", "/mood"}
    assert await jobs_in(store) == 0


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b'{"tenantId": ', "application/json", 400),
        (b'{"tenantId": NaN}', "application/json", 400),
        (b'{"tenantId": "\\ud800"}', "application/json", 400),
        (b"tenantId=acme", "application/x-www-form-urlencoded", 415),
        (b"[]", "application/json", 422),
        (b"", "application/json", 422),
    ],
)
async def test_what_is_no_mark_at_all_is_refused(
    client: httpx.AsyncClient, content: bytes, media_type: str, status: int
) -> None:
    """Broken JSON, other media types and other shapes are problems as everywhere in the API."""
    headers = {"content-type": media_type}
    answer = await client.post(f"{ROUTES}/mark", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_job_tells_how_it_stands(client: httpx.AsyncClient, store: RedisQueueStore) -> None:
    """From waiting to completed, with result and times."""
    url = (await send(client)).json()["statusUrl"]
    waiting = (await client.get(url)).json()
    assert (waiting["state"], waiting["attempts"], waiting["result"]) == ("waiting", 0, None)
    await end_next(store, Outcome(started_ms=1_000, run_us=10, result={"recorded": True}))
    done = (await client.get(url)).json()
    assert (done["state"], done["error"], done["reason"]) == ("completed", None, None)
    assert done["result"] == {"recorded": True}
    assert done["startedAt"] == "1970-01-01T00:00:01Z"
    assert done["createdAt"] <= done["finishedAt"]


async def test_a_failed_job_tells_why(client: httpx.AsyncClient, store: RedisQueueStore) -> None:
    """The handler's error and the reason of giving up are in the answer."""
    url = (await send(client)).json()["statusUrl"]
    await end_next(store, Outcome(started_ms=1, run_us=1, error="OSError", message="disk full"))
    failed = (await client.get(url)).json()
    assert (failed["state"], failed["reason"]) == ("failed", "exhausted")
    assert failed["error"] == {"type": "OSError", "message": "disk full"}


async def test_an_unknown_job_is_404(client: httpx.AsyncClient) -> None:
    """The problem names the id."""
    answer = await client.get(f"{ROUTES}/job/acme~student-1-session-1-date-01012024")
    assert (answer.status_code, answer.json()["code"]) == (404, "job-unknown")


@pytest.mark.parametrize("route", ["mark", "job/acme~student-7"])
async def test_without_a_key_nobody_gets_in(client: httpx.AsyncClient, route: str) -> None:
    """The routes of an app are closed as the API's own are."""
    del client.headers["X-API-Key"]
    method = "POST" if route == "mark" else "GET"
    answer = await client.request(method, f"{ROUTES}/{route}", json=a_mark())
    assert answer.status_code == 401


def come_as_acme(api: FastAPI, *permissions: str) -> None:
    """Let the next requests come from somebody of the tenant acme alone."""
    caller = Caller("acme's", frozenset(permissions), frozenset({"acme"}))
    api.dependency_overrides[calling] = lambda: caller


async def test_a_tenants_caller_marks_for_that_tenant_alone(
    api: FastAPI, client: httpx.AsyncClient, store: RedisQueueStore
) -> None:
    """403 for another tenant's mark, and no job."""
    come_as_acme(api, "jobs.create")
    refused = await send(client, tenantId="other")
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant-forbidden")
    assert await jobs_in(store) == 0
    assert (await send(client)).status_code == 202


async def test_another_tenants_job_does_not_exist(api: FastAPI, client: httpx.AsyncClient) -> None:
    """404 as if there were none."""
    url = (await send(client, tenantId="other")).json()["statusUrl"]
    come_as_acme(api, "jobs.read")
    assert (await client.get(url)).status_code == 404


async def test_permissions_are_asked_for(api: FastAPI, client: httpx.AsyncClient) -> None:
    """Without `jobs.create` no mark, without `jobs.read` no job."""
    url = (await send(client)).json()["statusUrl"]
    come_as_acme(api)
    assert (await send(client)).status_code == 403
    assert (await client.get(url)).status_code == 403


async def test_a_viewer_sees_the_state_but_not_the_result(
    api: FastAPI, client: httpx.AsyncClient, store: RedisQueueStore
) -> None:
    """What a job carries or returns needs a permission of its own."""
    url = (await send(client)).json()["statusUrl"]
    await end_next(store, Outcome(started_ms=1, run_us=1, result={"status": "late"}))
    api.dependency_overrides[calling] = lambda: Caller("viewer", ROLES["viewer"])
    seen = (await client.get(url)).json()
    assert (seen["state"], seen["result"]) == ("completed", None)


async def test_without_redis_a_mark_may_be_sent_again(
    client: httpx.AsyncClient, redis_server: RedisServer
) -> None:
    """503 says when, and which job it would be; later the same mark is accepted."""
    redis_server.stop()
    answer = await send(client)
    assert answer.status_code == 503
    assert answer.headers["retry-after"].isdigit()
    assert answer.json()["job_id"] == "acme~student-7-session-2-date-25122024"
    redis_server.start()
    async with asyncio.timeout(20):
        while (answer := await send(client)).status_code == 503:  # noqa: ASYNC110 (a client polls)
            await asyncio.sleep(0.05)
    assert answer.status_code in {200, 202}


async def test_the_routes_are_documented(client: httpx.AsyncClient) -> None:
    """OpenAPI has both, with fixed names and the mark's schema."""
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    mark = document["paths"][f"{ROUTES}/mark"]["post"]
    job = document["paths"][f"{ROUTES}/job/{{job_id}}"]["get"]
    schema = mark["requestBody"]["content"]["application/json"]["schema"]
    assert (mark["operationId"], job["operationId"]) == ("markAttendance", "getAttendanceJob")
    assert {"202", "200", "403"} <= set(mark["responses"])
    assert set(schema["required"]) == set(a_mark()) - {"sessionId"}
