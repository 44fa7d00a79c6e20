"""POST /queues/{queue}/jobs: what becomes a job, and what does not."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from api_bench import JOBS, QUEUE, a_mark, api_bench
from headpond.config import QueueConfigSpec
from headpond.envelope import unpack_envelope
from headpond.jobs import JobId
from headpond.queues import QueueSettings
from until import until


async def test_a_job_is_accepted_and_can_be_asked_for() -> None:
    """A good submission is 202 with the id, the state, and where to ask."""
    async with api_bench() as bench:
        answer = await bench.submit(tenant="greenfield")
        assert answer.status_code == 202
        receipt = answer.json()
        assert (receipt["queue"], receipt["state"], receipt["created"]) == (
            "attendance",
            "waiting",
            True,
        )
        found = (await bench.client.get(answer.headers["Location"])).json()
        assert found["id"] == receipt["id"]
        assert found["tenant"] == "greenfield"
        assert found["payload"] == {"student_id": 7, "status": "present", "note": ""}


async def test_jobs_without_a_priority_get_the_queues() -> None:
    """The priority declared in code is used, and a word for one is understood."""
    async with api_bench() as bench:
        assert (await bench.submit()).json()["priority"] == 7
        assert (await bench.submit(priority="critical")).json()["priority"] == 9
        assert (await bench.submit(priority=0)).json()["priority"] == 0


async def test_a_changed_queue_is_followed_without_a_restart() -> None:
    """Once what was read is too old, the priority of the new settings is used."""
    async with api_bench() as bench:
        await bench.submit()
        spec = QueueConfigSpec.model_validate({"jobs": {"priority": "low"}})
        await bench.store.configure("attendance", spec.to_settings())
        bench.app.state.ingress.book.expire()
        assert (await bench.submit()).json()["priority"] == 2


async def test_routes_of_apps_follow_a_changed_queue() -> None:
    """An app's own route enqueues without asking the API; the settings reach it all the same."""
    async with api_bench() as bench:
        queue = bench.app.state.ingress.catalog.queue("attendance")
        spec = QueueConfigSpec.model_validate({"jobs": {"priority": "low"}})
        await bench.store.configure("attendance", spec.to_settings())
        await until(lambda: queue.live_priority == 2)


@pytest.mark.parametrize(
    ("fields", "due_in_ms"),
    [
        ({"delay": 90}, 90_000),
        ({"delay": "1h30m"}, 5_400_000),
        ({"run_at": "2026-04-05T05:30:00+05:30"}, 0),
        ({"run_at": "2026-04-05T00:01:00Z"}, 60_000),
    ],
)
async def test_a_job_can_wait_for_its_time(fields: dict[str, Any], due_in_ms: int) -> None:
    """`delay` and `run_at` make a delayed job; a moment that is over means at once."""
    async with api_bench() as bench:
        answer = (await bench.submit(**fields)).json()
        assert answer["state"] == ("delayed" if due_in_ms else "waiting")
        (job,) = await bench.store.read("attendance", [answer["id"]])
        assert job is not None
        assert job.due_ms == (bench.clock.now_ms() + due_in_ms if due_in_ms else 0)


async def test_the_correlation_id_goes_into_the_job() -> None:
    """The body's wins over the header's, which wins over the request id."""
    async with api_bench() as bench:
        headers = {"X-Correlation-ID": "from-header", "X-Request-ID": "from-request"}

        async def correlation(sent: dict[str, str], **fields: str) -> str:
            answer = await bench.client.post(JOBS, json=a_mark(**fields), headers=sent)
            (job,) = await bench.store.read("attendance", [JobId(answer.json()["id"])])
            assert job is not None
            return unpack_envelope(job.body).correlation_id

        assert await correlation(headers, correlation_id="from-body") == "from-body"
        assert await correlation(headers) == "from-header"
        assert await correlation({"X-Request-ID": "from-request"}) == "from-request"


async def test_the_same_id_again_is_a_conflict() -> None:
    """Without `on_duplicate` a second job of the id is 409 and names the first."""
    async with api_bench() as bench:
        await bench.submit(job_id="one")
        again = await bench.submit(job_id="one", payload={"student_id": 8})
        assert (again.status_code, again.json()["code"]) == (409, "job-exists")
        assert again.json()["job_id"] == "one"
        assert (await bench.counts())["waiting"] == 1


async def test_the_same_id_again_can_return_the_first() -> None:
    """With `on_duplicate: return` a repetition is 200 with the job that is there, unchanged."""
    async with api_bench() as bench:
        await bench.submit(job_id="one", priority=3)
        again = await bench.submit(job_id="one", priority=9, on_duplicate="return")
        assert again.status_code == 200
        assert again.json()["created"] is False
        assert again.json()["priority"] == 3
        assert (await bench.counts())["waiting"] == 1


@pytest.mark.parametrize(("mode", "repeated"), [("reject", 409), ("return", 200)])
async def test_fifty_at_once_make_one_job(mode: str, repeated: int) -> None:
    """Of 50 concurrent tries with one id exactly one is accepted."""
    async with api_bench() as bench:
        tries = [bench.submit(job_id="one", on_duplicate=mode) for _ in range(50)]
        statuses = Counter(answer.status_code for answer in await asyncio.gather(*tries))
        assert statuses == {202: 1, repeated: 49}
        assert (await bench.counts())["waiting"] == 1


async def test_an_unknown_queue_is_named_with_its_neighbours() -> None:
    """404 says what exists and which name is the nearest."""
    async with api_bench() as bench:
        await bench.store.configure("reports", QueueSettings())
        answer = await bench.client.post("/api/v1/queues/attendence/jobs", json=a_mark())
        assert (answer.status_code, answer.json()["code"]) == (404, "queue-unknown")
        assert (
            "Did you mean 'attendance'? Known: 'attendance', 'reports'." in answer.json()["detail"]
        )


async def test_an_unknown_job_type_is_named_with_its_neighbours() -> None:
    """404 says which job types the queue has and which is the nearest."""
    async with api_bench() as bench:
        answer = await bench.submit(type="mark-attendence")
        assert (answer.status_code, answer.json()["code"]) == (404, "job-type-unknown")
        assert "Did you mean 'mark-attendance'?" in answer.json()["detail"]


async def test_a_queue_without_an_app_takes_no_jobs() -> None:
    """A queue that no loaded app declares exists, but none of its job types is known here."""
    async with api_bench() as bench:
        await bench.store.configure("reports", QueueSettings())
        answer = await bench.client.post("/api/v1/queues/reports/jobs", json=a_mark())
        assert (answer.status_code, answer.json()["code"]) == (404, "job-type-unknown")


async def test_a_payload_that_does_not_fit_is_explained() -> None:
    """422 has a JSON pointer and a sentence for each field, and nothing is enqueued."""
    async with api_bench() as bench:
        answer = await bench.submit(payload={"student_id": "x", "status": "gone", "a/b": 1})
        assert (answer.status_code, answer.json()["code"]) == (422, "payload-invalid")
        errors = {each["pointer"]: each["detail"] for each in answer.json()["errors"]}
        assert set(errors) == {"/payload/student_id", "/payload/status", "/payload/a~1b"}
        assert all(sentence.endswith(".") for sentence in errors.values())
        assert (await bench.counts())["waiting"] == 0


async def test_a_missing_payload_is_a_payload_that_does_not_fit() -> None:
    """The pointer is that of the payload itself."""
    async with api_bench() as bench:
        answer = await bench.client.post(JOBS, json={"type": "mark-attendance"})
        assert answer.status_code == 422
        assert [each["pointer"] for each in answer.json()["errors"]] == ["/payload"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"type": 7}, "/type"),
        ({"type": ""}, "/type"),
        ({"job_id": "has space"}, "/job_id"),
        ({"job_id": "x" * 201}, "/job_id"),
        ({"job_id": 7}, "/job_id"),
        ({"tenant": "a:b"}, "/tenant"),
        ({"priority": 10}, "/priority"),
        ({"priority": "urgent"}, "/priority"),
        ({"priority": True}, "/priority"),
        ({"priority": 1.5}, "/priority"),
        ({"delay": -1}, "/delay"),
        ({"delay": "soon"}, "/delay"),
        ({"delay": "4000d"}, "/delay"),
        ({"run_at": "tomorrow"}, "/run_at"),
        ({"run_at": 1_800_000_000}, "/run_at"),
        ({"run_at": "2026-12-24T18:00:00"}, "/run_at"),
        ({"correlation_id": "two\nlines"}, "/correlation_id"),
        ({"correlation_id": "x" * 129}, "/correlation_id"),
        ({"on_duplicate": "replace"}, "/on_duplicate"),
        ({"labels": {}}, "/labels"),
        ({"max_retries": 99}, "/max_retries"),
        ({"delay": 1, "run_at": "2026-12-24T18:00:00Z"}, ""),
    ],
)
async def test_a_field_that_does_not_fit_is_pointed_at(
    fields: dict[str, Any], pointer: str
) -> None:
    """422 points at the field of the submission, and nothing is enqueued."""
    async with api_bench() as bench:
        answer = await bench.submit(**fields)
        assert answer.status_code == 422, answer.text
        assert answer.json()["code"] == "request-invalid"
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
        assert (await bench.counts())["waiting"] == 0


@pytest.mark.parametrize("value", [None, 7, "text", [], [1]])
async def test_a_submission_is_an_object(value: object) -> None:
    """Any other JSON value is 422."""
    async with api_bench() as bench:
        headers = {"Content-Type": "application/json"}
        answer = await bench.client.post(JOBS, content=json.dumps(value), headers=headers)
        assert answer.status_code == 422


@pytest.mark.parametrize(
    "name",
    ["a:b", "{a}", "*", "%2e%2e", "%00", "a%0d%0ab", "%d0%b0ttendance", "x" * 300, "ATTENDANCE"],
)
async def test_a_strange_queue_name_is_just_unknown(name: str) -> None:
    """Names that mean something elsewhere mean nothing here."""
    async with api_bench() as bench:
        for path in (f"/api/v1/queues/{name}/jobs", f"/api/v1/queues/{name}/pause"):
            assert (await bench.client.post(path, json=a_mark())).status_code in {404, 422}
        assert await bench.store.queues() == ["attendance"]


async def test_while_the_store_is_away_the_answer_has_the_id() -> None:
    """503 says when to come back and under which id; repeating it makes one job."""
    async with api_bench() as bench:
        bench.store.away = True
        refused = await bench.submit()
        assert (refused.status_code, refused.json()["code"]) == (503, "store-unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        bench.store.away = False
        made = await bench.submit(job_id=refused.json()["job_id"], on_duplicate="return")
        assert (made.status_code, made.json()["id"]) == (202, refused.json()["job_id"])


async def test_a_bad_payload_is_told_even_while_the_store_is_away() -> None:
    """What the client must change does not hide behind a 503."""
    async with api_bench() as bench:
        bench.store.away = True
        bench.app.state.ingress.book.expire()
        assert (await bench.submit(payload={})).status_code == 422
        assert (await bench.submit()).status_code == 503


async def test_a_held_queue_accepts_jobs() -> None:
    """A pause stops starts, not submissions."""
    async with api_bench() as bench:
        await bench.client.post(f"{QUEUE}/pause")
        assert (await bench.submit()).status_code == 202


async def test_a_queue_that_was_forgotten_comes_back_with_its_first_job() -> None:
    """A declared queue exists by its declaration, with the defaults of its code."""
    async with api_bench() as bench:
        await bench.store.forget("attendance")
        bench.app.state.ingress.book.expire()
        assert (await bench.submit()).status_code == 202
        settings = await bench.store.settings("attendance")
        assert settings is not None
        assert replace(settings, version=0) != QueueSettings()
