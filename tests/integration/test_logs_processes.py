"""What real processes log as JSON: every line an object, nothing secret in any."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest_asyncio

import vault_app
from redis_server import free_port
from tree import ROOT
from until import until
from up_tree import environ
from vault import OLD, Canary, Vault, files_of, open_vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

JSON = {"HEADPOND_LOG_FORMAT": "json"}


@pytest_asyncio.fixture
async def vault(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Vault]:
    """Give queues with secrets in them, without a worker."""
    async with open_vault(redis_url, namespace, tmp_path) as it:
        yield it


def entries(text: str) -> list[dict[str, Any]]:
    """Return the entries; every line must be one."""
    return [json.loads(line) for line in text.splitlines()]


async def test_logs_of_a_worker_are_entries_without_secrets(vault: Vault, tmp_path: Path) -> None:
    """At its most talkative, with handlers that spread what they get; in its metrics neither."""
    canary, port = Canary(), free_port()
    own = {**JSON, "HEADPOND_PROBE_PORT": str(port)}
    log = await vault.start("vault", OLD, **own)
    secret = {"word": canary.word, "number": canary.number}
    for job_type in (vault_app.keep, vault_app.spill, vault_app.insist, vault_app.garble):
        sent = await job_type.enqueue(secret)
        await vault.ended(job_type, sent.id)
    async with httpx.AsyncClient() as client:
        figures = (await client.get(f"http://127.0.0.1:{port}/metrics")).content
    vault.processes[0].send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(vault.processes[0].wait, 20) == 0
    found = entries(log.read_text("utf-8"))
    events = [entry["event"] for entry in found]
    assert events[-1] == "worker-ended"
    (started,) = [entry for entry in found if entry["event"] == "worker-started"]
    assert (started["queue"], started["worker"], started["level"]) == ("vault", "w1", "info")
    assert canary.found_in([*files_of(tmp_path), ("metrics", figures)]) == []
    assert b'outcome="retried"' in figures


async def test_logs_of_a_worker_that_logs_sensitive_fields(vault: Vault, tmp_path: Path) -> None:
    """A handler that logs its payload shows no sensitive field, as JSON neither."""
    canary = Canary()
    log = await vault.start("desk", OLD, **JSON)
    letter = {"subject": "hello", "email": canary.email, "pins": [canary.number]}
    sent = await vault_app.send.enqueue(letter)
    lost = await vault_app.lose.enqueue(letter)
    await vault.ended(vault_app.send, sent.id)
    await vault.ended(vault_app.lose, lost.id)
    said = [entry for entry in entries(log.read_text("utf-8")) if entry["logger"] == "vault"]
    assert [entry["event"] for entry in said] == ["library-said"]
    assert "hello" in said[0]["message"]
    assert canary.found_in(files_of(tmp_path)) == []


def test_logs_of_a_refusal_are_entries() -> None:
    """A process that does not start says so in its format; stdout stays empty."""
    for module, words in (("headpond_workers", ["--queue", "nothing"]), ("headpond_api", [])):
        own = {**JSON, "HEADPOND_APPS": "no_such_app"}
        ended = subprocess.run(
            [sys.executable, "-m", module, *words],
            env=environ(**own),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (ended.returncode, ended.stdout) == (2, "")
        (entry,) = entries(ended.stderr)
        assert (entry["event"], entry["level"]) == ("start-refused", "critical")
        assert "'no_such_app' can't be imported" in entry["message"]


def api(log: Path, **own: str) -> subprocess.Popen[bytes]:
    """Start an API that logs all it can."""
    settings = {
        **JSON,
        "HEADPOND_LOG_LEVEL": "debug",
        "HEADPOND_API_KEY": "key",
        "HEADPOND_APPS": "marks_app",
        "HEADPOND_PORT": "0",
        **own,
    }
    env = environ(**settings) | {"PYTHONPATH": str(ROOT / "tests" / "support")}
    with log.open("wb") as sink:
        words = [sys.executable, "-m", "headpond_api"]
        return subprocess.Popen(words, env=env, stdout=sink, stderr=sink)


async def test_logs_of_the_api_are_entries(redis_url: str, namespace: str, tmp_path: Path) -> None:
    """Its start, and requests (at debug level) without what was in them."""
    canary, log = Canary(), tmp_path / "api.log"
    process = api(log, HEADPOND_REDIS_URL=redis_url, HEADPOND_NAMESPACE=namespace)
    try:
        await until(lambda: "api-started" in log.read_text("utf-8"), 30)
        (url,) = re.findall(r'"url":"([^"]+)"', log.read_text("utf-8"))
        async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": "key"}) as client:
            path = "/api/v1/queues/attendance/jobs"
            payload = {"student_id": canary.word, "nonsense": canary.email}
            refused = await client.post(path, json={"type": "mark", "payload": payload})
            assert 400 <= refused.status_code < 500
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
    found = entries(log.read_text("utf-8"))
    asked = [entry for entry in found if entry["logger"] == "uvicorn.access"]
    assert any("POST /api/v1/queues/attendance/jobs" in entry["message"] for entry in asked)
    assert canary.found_in(files_of(tmp_path)) == []
