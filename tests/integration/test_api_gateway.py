"""What every request meets: credentials, ids, problems, probes, apps."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fastapi import APIRouter, HTTPException, Request

from api_bench import JOBS, KEY, QUEUE, api_bench
from headpond import App
from headpond.errors import Forbidden, StoreFull
from headpond_api.auth import PERMISSIONS, ROLES, Caller, require
from headpond_api.gateway import OPEN


def app_of_users() -> App:
    """Return an app with routes of its own, as users bring them."""
    app, router = App("users"), APIRouter(prefix="/api/v2/users")

    @router.get("/me")
    async def me(request: Request) -> dict[str, str]:
        return {"caller": request.state.caller.name}

    @router.get("/full")
    async def full() -> None:
        raise StoreFull("No room.")

    @router.get("/crash")
    async def crash() -> None:
        secret = "s3cret"  # noqa: F841 (must not be seen outside)
        raise ZeroDivisionError("inner words")

    @router.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "Short and stout.")

    @router.post("/echo")
    async def echo(body: dict[str, Any]) -> dict[str, Any]:
        return body

    app.include(router)
    return app


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"X-API-Key": "wrong"},
        {"X-API-Key": ""},
    ],
)
async def test_without_the_key_nobody_gets_in(headers: dict[str, str]) -> None:
    """401 looks the same whatever is wrong, on every path that is not open, even unknown ones."""
    async with api_bench(app_of_users()) as bench:
        bench.client.headers.pop("Authorization")
        for method, path in (
            ("POST", JOBS),
            ("GET", "/api/v1/queues"),
            ("GET", "/api/v2/users/me"),
            ("GET", "/nope"),
        ):
            answer = await bench.client.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("headers", [{"Authorization": f"bearer {KEY}"}, {"X-API-Key": KEY}])
async def test_the_key_is_good_in_either_header(headers: dict[str, str]) -> None:
    """Bearer (in any case) and X-API-Key."""
    async with api_bench() as bench:
        bench.client.headers.pop("Authorization")
        assert (await bench.client.get("/api/v1/queues", headers=headers)).status_code == 200


async def test_without_a_key_of_its_own_the_api_is_closed() -> None:
    """No key set means that no key is good, the empty one neither."""
    async with api_bench(api_key="") as bench:
        for headers in ({}, {"Authorization": "Bearer "}, {"X-API-Key": ""}):
            answer = await bench.client.get("/api/v1/queues", headers=headers)
            assert answer.status_code == 401


async def test_what_is_open_needs_no_key() -> None:
    """The probes and the documentation."""
    async with api_bench() as bench:
        bench.client.headers.pop("Authorization")
        for path in OPEN:
            assert (await bench.client.get(path)).status_code == 200


def test_a_caller_may_what_its_permissions_say() -> None:
    """A viewer reads; the table has every permission that a role or a route names."""
    viewer = Caller("v", ROLES["viewer"], frozenset({"acme"}))
    assert viewer.may("jobs.read")
    assert viewer.acts_for("acme")
    assert not viewer.acts_for("globe")
    with pytest.raises(Forbidden, match=r"jobs\.create"):
        viewer.need("jobs.create")
    assert set().union(*ROLES.values()) <= set(PERMISSIONS)
    with pytest.raises(ValueError, match="no permission"):
        require("jobs.everything")


async def test_a_missing_permission_is_403() -> None:
    """The problem names it."""
    async with api_bench() as bench:
        bench.app.state.ingress.keys.owner = Caller("viewer", ROLES["viewer"])
        for path, body in ((f"{QUEUE}/pause", None), (JOBS, {"type": "x"})):
            answer = await bench.client.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
            assert answer.json()["permission"] in PERMISSIONS


@pytest.mark.parametrize(
    ("given", "taken"),
    [("abc-123", True), ("x" * 129, False), ("two words", False), ("a\tb", False), ("", False)],
)
async def test_a_sane_request_id_is_taken(given: str, *, taken: bool) -> None:
    """Any other is replaced; every answer has one, problems too."""
    async with api_bench() as bench:
        answer = await bench.client.get("/api/v1/jobs/x", headers={"X-Request-ID": given})
        request_id = answer.headers["X-Request-ID"]
        assert (request_id == given) is taken
        assert answer.json()["request_id"] == request_id


async def test_unknown_routes_and_methods_are_problems() -> None:
    """404 and 405 have codes of their own; 405 says what is allowed."""
    async with api_bench() as bench:
        unknown = await bench.client.get("/api/v1/nope")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "route-unknown")
        wrong = await bench.client.delete("/api/v1/jobs")
        assert (wrong.status_code, wrong.json()["code"]) == (405, "method-not-allowed")
        assert wrong.headers["Allow"] == "GET"
        assert wrong.headers["Content-Type"] == "application/problem+json"


async def test_the_routes_of_apps_are_served() -> None:
    """They know who calls, and what they raise becomes a problem."""
    async with api_bench(app_of_users()) as bench:
        assert (await bench.client.get("/api/v2/users/me")).json() == {"caller": "api-key"}
        full = await bench.client.get("/api/v2/users/full")
        assert (full.status_code, full.json()["code"]) == (507, "store-full")
        assert "Retry-After" in full.headers
        teapot = await bench.client.get("/api/v2/users/teapot")
        assert (teapot.status_code, teapot.json()["detail"]) == (418, "Short and stout.")
        echoed = await bench.client.post("/api/v2/users/echo", json={"a": [1]})
        assert echoed.json() == {"a": [1]}
        strict = {"Content-Type": "application/json"}
        bad = await bench.client.post("/api/v2/users/echo", content=b'{"a": NaN}', headers=strict)
        assert (bad.status_code, bad.json()["code"]) == (400, "malformed-json")
        unfit = await bench.client.post("/api/v2/users/echo", json=[1])
        assert (unfit.status_code, unfit.json()["code"]) == (422, "request-invalid")


async def test_a_crash_is_a_problem_without_its_inside(caplog: pytest.LogCaptureFixture) -> None:
    """500 says nothing of the inside, the log has it, and the process goes on."""
    async with api_bench(app_of_users()) as bench:
        with caplog.at_level(logging.ERROR, "headpond.api"):
            answer = await bench.client.get("/api/v2/users/crash")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert "inner words" not in answer.text
        assert "ZeroDivisionError" not in answer.text
        (record,) = caplog.records
        assert record.__dict__["request_id"] == answer.headers["X-Request-ID"]
        assert (await bench.client.get("/api/v2/users/me")).status_code == 200


async def test_apps_are_started_and_stopped() -> None:
    """Hooks run in order at the start and in reverse at the end; plain and async ones alike."""
    seen: list[str] = []
    app = App("hooks")
    app.on_start(lambda: seen.append("start 1"))

    @app.on_start
    async def second() -> None:
        seen.append("start 2")

    app.on_stop(lambda: seen.append("stop 1"))
    app.on_stop(lambda: seen.append("stop 2"))
    async with api_bench(app):
        assert seen == ["start 1", "start 2"]
    assert seen[2:] == ["stop 2", "stop 1"]


async def test_liveness_asks_nobody() -> None:
    """With the store away the process is alive, but not ready."""
    async with api_bench() as bench:
        assert (await bench.client.get("/readyz")).status_code == 200
        bench.store.away = True
        assert (await bench.client.get("/livez")).status_code == 200
        ready = await bench.client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "store-unavailable")


async def test_metrics_have_every_queue() -> None:
    """Counts, age, holds and workers by queue; this process's requests."""
    async with api_bench() as bench:
        await bench.submit()
        text = (await bench.client.get("/metrics")).text
        assert 'headpond_queue_jobs{queue="attendance",state="waiting"} 1.0' in text
        assert 'headpond_queue_oldest_age_seconds{queue="attendance"} 0.0' in text
        assert 'headpond_workers{queue="attendance",state="working"} 0.0' in text
        assert 'headpond_stale_finishes_total{queue="attendance"} 0.0' in text
        route = 'method="POST",operation="submit_job",route="/api/v1/queues/{queue}/jobs"'
        assert f'headpond_http_requests_total{{{route},status="202"}} 1.0' in text
        assert "headpond_store_up 1.0" in text


async def test_missing_figures_are_absent_and_not_zero() -> None:
    """While the store is away no queue has any figure."""
    async with api_bench() as bench:
        bench.store.away = True
        text = (await bench.client.get("/metrics")).text
        assert "headpond_store_up 0.0" in text
        assert "headpond_queue_jobs{" not in text


async def test_a_websocket_is_refused() -> None:
    """Nothing here serves one, so no app can open one beside the credentials."""
    async with api_bench() as bench:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await bench.app({"type": "websocket", "path": "/", "headers": []}, receive, send)
        assert sent == [{"type": "websocket.close", "code": 1008}]
