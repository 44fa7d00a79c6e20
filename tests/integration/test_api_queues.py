"""Queues over HTTP: stats, health, pause, resume, clear, decisions."""

from __future__ import annotations

import json

import pytest

from api_bench import QUEUE, api_bench
from headpond.jobs import Released
from headpond.ports import WorkerBeat
from headpond.queues import Hold, QueueSettings, TenantRule, WorkerState

STATS = "/api/v1/queues/stats"


async def test_stats_are_the_six_numbers_and_the_flag() -> None:
    """SEEDS A7.2, A10.1, X4: exactly these keys, exact numbers."""
    async with api_bench() as bench:
        for _ in range(3):
            await bench.submit()
        await bench.submit(delay=60)
        await bench.store.exchange("attendance", "w1", [], 1)
        answer = await bench.client.get(f"{STATS}/attendance")
        assert answer.json() == {
            "waiting": 2,
            "active": 1,
            "completed": 0,
            "failed": 0,
            "delayed": 1,
            "paused": 0,
            "is_paused": False,
        }


async def test_stats_of_all_queues_are_by_name() -> None:
    """SEEDS A7.1: one answer has every queue, declared or configured."""
    async with api_bench() as bench:
        await bench.store.configure("reports", QueueSettings())
        answer = (await bench.client.get(STATS)).json()
        assert list(answer) == ["attendance", "reports"]
        assert set(answer["reports"]) == {
            *("waiting", "active", "completed", "failed", "delayed", "paused"),
            "is_paused",
        }


async def test_jobs_that_wait_for_their_own_tenant_wait() -> None:
    """Whoever looks at the numbers sees all that waits, also what a tenant's limit holds back."""
    async with api_bench() as bench:
        await bench.store.configure("attendance", QueueSettings(tenant=TenantRule(max_active=1)))
        for _ in range(3):
            await bench.submit()
        await bench.store.exchange("attendance", "w1", [], 3)
        counts = await bench.counts()
        assert (counts["waiting"], counts["active"]) == (2, 1)


async def test_a_paused_queue_shows_its_waiting_jobs_as_paused() -> None:
    """SEEDS X4: `paused` is the number of waiting jobs while the queue is held, else 0."""
    async with api_bench() as bench:
        await bench.submit()
        await bench.submit(delay=1)
        await bench.client.post(f"{QUEUE}/pause")
        counts = await bench.counts()
        assert (counts["waiting"], counts["paused"], counts["is_paused"]) == (1, 1, True)
        bench.clock.advance_ms(1000)
        counts = await bench.counts()
        assert (counts["waiting"], counts["paused"], counts["delayed"]) == (2, 2, 0)


async def test_pause_and_resume() -> None:
    """SEEDS A7.3, A7.4: a paused queue starts nothing; who, why and until when is shown."""
    async with api_bench() as bench:
        await bench.submit()
        body = {"reason": "exams", "until": "2026-04-05T01:00:00Z"}
        paused = (await bench.client.post(f"{QUEUE}/pause", json=body)).json()
        assert paused["is_paused"] is True
        assert paused["holds"] == [
            {
                "source": "runtime",
                "by": "api-key",
                "reason": "exams",
                "since": "2026-04-05T00:00:00Z",
                "until": "2026-04-05T01:00:00Z",
            }
        ]
        assert (await bench.store.exchange("attendance", "w1", [], 1)).claims == ()
        assert (await bench.client.post(f"{QUEUE}/resume")).json()["is_paused"] is False
        assert len((await bench.store.exchange("attendance", "w1", [], 1)).claims) == 1


async def test_resume_of_a_running_queue_changes_nothing() -> None:
    """Repeating is harmless, and the sentence says that there was no pause."""
    async with api_bench() as bench:
        answer = await bench.client.post(f"{QUEUE}/resume")
        assert (answer.status_code, answer.json()["detail"]) == (200, "It was not paused.")


async def test_a_hold_of_the_spec_is_not_lifted_here() -> None:
    """A runtime resume lifts its own pause only, and says who still holds the queue."""
    async with api_bench() as bench:
        await bench.store.hold("attendance", Hold("spec", "git", "", bench.clock.now_ms()))
        refused = await bench.client.post(f"{QUEUE}/resume")
        assert (refused.status_code, refused.json()["code"]) == (409, "held-by-spec")
        await bench.client.post(f"{QUEUE}/pause")
        lifted = await bench.client.post(f"{QUEUE}/resume")
        assert (lifted.status_code, lifted.json()["is_paused"]) == (200, True)
        assert "QueueConfig" in lifted.json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"until": "2026-04-04T00:00:00Z"}, "/until"),
        ({"until": "soon"}, "/until"),
        ({"reason": "x" * 501}, "/reason"),
        ({"reason": 7}, "/reason"),
        ({"for": "1h"}, "/for"),
    ],
)
async def test_a_pause_that_makes_no_sense_is_422(body: dict[str, object], pointer: str) -> None:
    """The field is pointed at, and the queue goes on."""
    async with api_bench() as bench:
        answer = await bench.client.post(f"{QUEUE}/pause", json=body)
        assert answer.status_code == 422
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
        assert (await bench.counts())["is_paused"] is False


async def test_clear_removes_what_waits() -> None:
    """SEEDS A7.5: waiting and delayed jobs go, active ones stay."""
    async with api_bench() as bench:
        for _ in range(3):
            await bench.submit()
        await bench.submit(delay=60)
        await bench.store.exchange("attendance", "w1", [], 1)
        cleared = (await bench.client.post(f"{QUEUE}/clear")).json()
        assert cleared == {
            "queue": "attendance",
            "states": ["waiting", "delayed"],
            "removed": 3,
        }
        counts = await bench.counts()
        assert (counts["waiting"], counts["delayed"], counts["active"]) == (0, 0, 1)


async def test_clear_takes_the_states_that_are_named() -> None:
    """Only those; a state that can't be cleared is 422."""
    async with api_bench() as bench:
        await bench.submit()
        await bench.submit(delay=60)
        answer = await bench.client.post(f"{QUEUE}/clear", json={"states": ["delayed"]})
        assert answer.json()["removed"] == 1
        for states in (["active"], [], ["lost"]):
            answer = await bench.client.post(f"{QUEUE}/clear", json={"states": states})
            assert answer.status_code == 422
        assert (await bench.counts())["waiting"] == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "stats/nope"),
        ("GET", "nope/decisions"),
        ("POST", "nope/pause"),
        ("POST", "nope/resume"),
        ("POST", "nope/clear"),
    ],
)
async def test_an_unknown_queue_is_404(method: str, path: str) -> None:
    """Every route names what exists, and none makes a queue."""
    async with api_bench() as bench:
        answer = await bench.client.request(method, f"/api/v1/queues/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "queue-unknown")
        assert "'attendance'" in answer.json()["detail"]
        assert await bench.store.queues() == ["attendance"]


async def test_queues_are_listed_by_page() -> None:
    """Each queue is on one page, with its stats, holds and job types."""
    async with api_bench() as bench:
        for name in ("a", "b", "z"):
            await bench.store.configure(name, QueueSettings())
        first = (await bench.client.get("/api/v1/queues?limit=2")).json()
        assert [item["name"] for item in first["items"]] == ["a", "attendance"]
        assert first["items"][1]["job_types"] == ["mark-attendance"]
        rest = await bench.client.get(
            "/api/v1/queues", params={"limit": 2, "cursor": first["next_cursor"]}
        )
        assert [item["name"] for item in rest.json()["items"]] == ["b", "z"]
        assert rest.json()["next_cursor"] is None


async def test_all_is_well() -> None:
    """SEEDS A7.6, A10.2: healthy has exactly status, queues and events."""
    async with api_bench() as bench:
        health = (await bench.client.get("/api/v1/queues/health")).json()
        assert health == {
            "status": "healthy",
            "queues": {"attendance": {"status": "healthy", "reasons": []}},
            "events": {"status": "healthy", "reasons": []},
        }


async def test_jobs_without_workers_are_degraded() -> None:
    """Jobs that wait for more than a minute and no worker: said in a sentence, unless held."""
    async with api_bench() as bench:
        await bench.submit()
        bench.clock.advance_ms(62_000)
        health = (await bench.client.get("/api/v1/queues/health")).json()
        assert (health["status"], health["queues"]["attendance"]["status"]) == (
            "degraded",
            "degraded",
        )
        assert "no worker" in health["queues"]["attendance"]["reasons"][0]
        await bench.client.post(f"{QUEUE}/pause")
        assert (await bench.client.get("/api/v1/queues/health")).json()["status"] == "healthy"


async def test_parked_jobs_are_degraded() -> None:
    """Jobs of a type that no worker knows are told of."""
    async with api_bench() as bench:
        await bench.submit()
        (claim,) = (await bench.store.exchange("attendance", "w1", [], 1)).claims
        parked = Released(claim.id, claim.fence, parked="mark-attendance")
        await bench.store.exchange("attendance", "w1", [parked], 0)
        beat = WorkerBeat("w1", WorkerState.WORKING, 1, bench.clock.now_ms())
        bench.store.leases("attendance", "w1").renew(beat, [])
        health = (await bench.client.get("/api/v1/queues/health")).json()
        assert health["status"] == "degraded"


async def test_a_store_that_is_away_is_unhealthy() -> None:
    """503 with the same three keys: of the queues nothing is known."""
    async with api_bench() as bench:
        bench.store.away = True
        answer = await bench.client.get("/api/v1/queues/health")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert set(answer.json()) == {"status", "queues", "events"}
        assert answer.json()["status"] == "unhealthy"


async def test_decisions_are_the_newest_first() -> None:
    """What the governor wrote down comes back as it was."""
    async with api_bench() as bench:
        for replicas in (1, 2, 3):
            await bench.store.record("attendance", json.dumps({"replicas": replicas}))
        answer = (await bench.client.get(f"{QUEUE}/decisions?limit=2")).json()
        assert answer == {"queue": "attendance", "items": [{"replicas": 3}, {"replicas": 2}]}
