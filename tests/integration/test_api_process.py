"""The API as a process, on a real Redis: how it begins, ends, and lives through outages."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api_bench import JOBS, KEY, a_mark
from redis_server import RedisServer, free_port
from tree import ROOT
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)


async def start(redis_url: str, **environment: str) -> asyncio.subprocess.Process:
    """Start `python -m headpond_api` with the app of marks."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HEADPOND_")},
        "HEADPOND_REDIS_URL": redis_url,
        "HEADPOND_API_KEY": KEY,
        "HEADPOND_APPS": "marks_app",
        "HEADPOND_PORT": "0",
        "PYTHONPATH": str(ROOT / "tests" / "support"),
        **environment,
    }
    pipe = asyncio.subprocess.PIPE
    words = (sys.executable, "-m", "headpond_api")
    return await asyncio.create_subprocess_exec(*words, env=env, stdout=pipe, stderr=pipe)


async def address(process: asyncio.subprocess.Process) -> str:
    """Return where it listens, as it prints it."""
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    found = re.search(r"http://\S+", line)
    assert found, line
    return found[0]


@asynccontextmanager
async def running(redis_url: str, **environment: str) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a process that serves; afterwards it must end well on SIGTERM."""
    process = await start(redis_url, **environment)
    try:
        base = await address(process)
        headers = {"X-API-Key": KEY}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as client:
            await until(lambda: answers(client, "/livez"))
            yield client
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 15) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def answers(client: httpx.AsyncClient, path: str, status: int = 200) -> bool:
    """Whether the path answers with the status."""
    try:
        return (await client.get(path)).status_code == status
    except httpx.TransportError:
        return False


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """Give a Redis that this test may stop and freeze."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    if server.pid:
        os.kill(server.pid, signal.SIGCONT)
    server.stop()


async def stats(client: httpx.AsyncClient) -> dict[str, Any]:
    """Return the queue's stats."""
    found: dict[str, Any] = (await client.get("/api/v1/queues/stats/attendance")).json()
    return found


async def test_jobs_go_into_redis(redis_url: str, namespace: str) -> None:
    """One and many are accepted; fifty at once with one id make one job; stats are exact."""
    async with running(redis_url, HEADPOND_NAMESPACE=namespace) as client:
        assert (await client.post(JOBS, json=a_mark())).status_code == 202
        bulk = {"jobs": [a_mark() for _ in range(1000)]}
        assert (await client.post(f"{JOBS}/bulk", json=bulk)).status_code == 202
        one = a_mark(job_id="one")
        tries = await asyncio.gather(*[client.post(JOBS, json=one) for _ in range(50)])
        assert Counter(answer.status_code for answer in tries) == {202: 1, 409: 49}
        assert await stats(client) == {
            "waiting": 1002,
            "active": 0,
            "completed": 0,
            "failed": 0,
            "delayed": 0,
            "paused": 0,
            "is_paused": False,
        }
        job = (await client.get("/api/v1/jobs/one")).json()
        assert (job["state"], job["payload"]["student_id"]) == ("waiting", 7)
        text = (await client.get("/metrics")).text
        assert 'headpond_queue_jobs{queue="attendance",state="waiting"} 1002.0' in text


async def test_a_redis_that_goes_away_is_survived(own_redis: RedisServer) -> None:
    """503 with the id while it is gone, alive but not ready; then all is as before, by itself."""
    async with running(own_redis.url) as client:
        assert (await client.post(JOBS, json=a_mark())).status_code == 202
        own_redis.stop()
        refused = await client.post(JOBS, json=a_mark())
        assert (refused.status_code, refused.json()["code"]) == (503, "store-unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        job_id = refused.json()["job_id"]
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/api/v1/queues/stats")).status_code == 503
        assert "headpond_store_up 0.0" in (await client.get("/metrics")).text
        own_redis.start()
        await until(lambda: answers(client, "/readyz"))
        again = a_mark(job_id=job_id, on_duplicate="return")
        assert (await client.post(JOBS, json=again)).status_code == 202
        assert (await stats(client))["waiting"] == 2


async def test_a_redis_that_hangs_is_survived(own_redis: RedisServer) -> None:
    """A frozen Redis is a 503 in time; repeated under its id the job is in once."""
    async with running(own_redis.url) as client:
        assert (await client.post(JOBS, json=a_mark())).status_code == 202
        os.kill(own_redis.pid, signal.SIGSTOP)
        sent = asyncio.create_task(client.post(JOBS, json=a_mark()))
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        refused = await sent
        assert refused.status_code == 503
        os.kill(own_redis.pid, signal.SIGCONT)
        await until(lambda: answers(client, "/readyz"))
        again = a_mark(job_id=refused.json()["job_id"], on_duplicate="return")
        assert (await client.post(JOBS, json=again)).status_code in {200, 202}
        assert (await stats(client))["waiting"] == 2


async def test_it_starts_without_redis(own_redis: RedisServer) -> None:
    """Alive at once, 503 with the id for jobs, and ready when Redis comes."""
    own_redis.stop()
    async with running(own_redis.url) as client:
        assert (await client.get("/readyz")).status_code == 503
        refused = await client.post(JOBS, json=a_mark())
        assert (refused.status_code, bool(refused.json()["job_id"])) == (503, True)
        own_redis.start()
        await until(lambda: answers(client, "/readyz"))
        assert (await client.post(JOBS, json=a_mark())).status_code == 202
        assert (await client.get("/api/v1/queues")).json()["items"][0]["name"] == "attendance"


async def refusal(process: asyncio.subprocess.Process) -> str:
    """Return the one sentence with which it ended, with exit code 2."""
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2, errors.decode()
    (line,) = errors.decode().splitlines()
    return line


async def test_a_port_that_is_taken_is_one_sentence(redis_url: str) -> None:
    """It names the port, and the exit code is 2."""
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        process = await start(redis_url, HEADPOND_PORT=str(port))
        assert f"127.0.0.1:{port} can't be listened on" in await refusal(process)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HEADPOND_PORT", "70000", "port"),
        ("HEADPOND_APPS", "no_such_module", "no_such_module"),
        ("HEADPOND_REDIS_URL", "gopher://x", "REDIS_URL"),
    ],
)
async def test_a_setting_that_makes_no_sense_is_one_sentence(
    redis_url: str, name: str, value: str, said: str
) -> None:
    """It names the setting, and the exit code is 2."""
    assert said in await refusal(await start(redis_url, **{name: value}))


async def test_a_redis_that_would_lose_jobs_is_refused(own_redis: RedisServer) -> None:
    """The gate's sentence, and exit code 2."""
    with own_redis.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    assert "noeviction" in await refusal(await start(own_redis.url))


async def test_an_endless_body_is_cut_off(redis_url: str, namespace: str) -> None:
    """Chunks beyond the limit get their 413 while they still come, and the process goes on."""
    limit = {"HEADPOND_NAMESPACE": namespace, "HEADPOND_MAX_BODY_BYTES": "4096"}
    async with running(redis_url, **limit) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        head = (
            f"POST {JOBS} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(head.encode())

        async def pour() -> None:
            while True:
                writer.write(b"400\r\n" + b"x" * 0x400 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0.001)

        pouring = asyncio.create_task(pour())
        status = await reader.readline()
        assert b"413" in status
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)
        writer.close()
        assert (await client.post(JOBS, json=a_mark())).status_code == 202


async def test_an_endless_header_is_cut_off(redis_url: str, namespace: str) -> None:
    """It costs the sender the connection, and nobody else anything."""
    async with running(redis_url, HEADPOND_NAMESPACE=namespace) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Endless: ")
        writer.write(b"x" * 80_000)
        assert b"431" in await reader.readline()
        with suppress(ConnectionResetError):  # there are unread bytes of ours
            await asyncio.wait_for(reader.read(), 10)  # until the connection is closed
        writer.close()
        assert (await client.get("/livez")).status_code == 200
