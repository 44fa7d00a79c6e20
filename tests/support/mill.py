"""Worker processes of the app `mill_app` under test: started, signalled, watched."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headpond.app.status import status_of
from headpond.config import default_config
from headpond.config.spec import QueueConfigSpec
from headpond.jobs import JobId
from headpond.queues import WorkerState
from headpond.redis import RedisQueueStore
from mill_app import app, mill
from redis_server import free_port
from until import until

if TYPE_CHECKING:
    import signal
    from collections.abc import AsyncIterator

    from headpond import JobStatus
    from headpond.jobs import StoredJob
    from headpond.queues import Durability, QueueSample
    from nursery import Child, Nursery

QUEUE: Final = "mill"
ENDS_WITHIN_S: Final = 30.0
STARTS_WITHIN_S: Final = 45.0
"""An interpreter takes a second to import it all, and many times that on a loaded machine."""


@dataclass
class Worker:
    """One worker process."""

    id: str
    process: subprocess.Popen[bytes] | Child
    log: Path
    probe_port: int

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def ended(self, within_s: float = ENDS_WITHIN_S) -> int:
        """Wait for its end; return its exit code."""
        await until(lambda: self.process.poll() is not None, within_s)
        return self.process.wait()

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self.process.poll() is None

    def words(self) -> str:
        """Return what it has logged."""
        return self.log.read_text("utf-8")

    async def probe(self, path: str) -> int:
        """Ask one of its probes; return the HTTP status, 0 when nobody answers."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.probe_port)
        except OSError:
            return 0
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: mill\r\n\r\n".encode())
            async with asyncio.timeout(5):
                line = await reader.readline()
        finally:
            writer.close()
        return int(line.split()[1])


@dataclass
class Mill:
    """The queue `mill`, its store, its workers, and the story that its handlers tell."""

    store: RedisQueueStore
    folder: Path
    url: str
    namespace: str
    workers: list[Worker] = field(default_factory=list)
    nursery: Nursery | None = None
    """Who bears the workers, when that is to take no time."""

    async def configure(
        self,
        *,
        lease_ms: int = 15_000,
        max_deliveries: int = 3,
        durability: Durability = "fast",
        **jobs: Any,
    ) -> None:
        """Put settings into force: the app's own, with what is given of `spec.jobs` over them."""
        spec = default_config(QUEUE, mill.defaults).spec
        plain = json.loads(spec.model_dump_json(exclude_none=True, exclude_unset=True))
        plain.setdefault("jobs", {}).update(jobs)
        settings = QueueConfigSpec.model_validate_json(json.dumps(plain)).to_settings()
        own = replace(
            settings, lease_ms=lease_ms, max_deliveries=max_deliveries, durability=durability
        )
        await self.store.configure(QUEUE, own)

    async def start(self, count: int = 1, *words: str, **own: str) -> list[Worker]:
        """Start workers and wait until they work; `own` are further variables."""
        started = [self.spawn(*words, **own) for _ in range(count)]
        for worker in started:
            await self.works(worker)
        return started

    def spawn(self, *words: str, **own: str) -> Worker:
        """Start a worker without waiting for it."""
        name = f"w{len(self.workers) + 1}"
        port = free_port()
        plain = {k: v for k, v in os.environ.items() if not k.startswith("HEADPOND_")}
        environ = {
            **plain,
            "PYTHONPATH": str(Path(__file__).parent),
            "HEADPOND_REDIS_URL": self.url,
            "HEADPOND_NAMESPACE": self.namespace,
            "HEADPOND_APPS": "mill_app",
            "HEADPOND_WORKER_ID": name,
            "HEADPOND_PROBE_PORT": str(port),
            "MILL_STORY": str(self.folder / "story.jsonl"),
            **own,
        }
        log = self.folder / f"{name}.log"
        worker = Worker(name, self._process(environ, log, "--queue", QUEUE, *words), log, port)
        self.workers.append(worker)
        return worker

    def _process(
        self, environ: dict[str, str], log: Path, *words: str
    ) -> subprocess.Popen[bytes] | Child:
        if self.nursery is not None:
            argv = ["headpond_workers.__main__:worker", *words]
            return self.nursery.bear(argv, environ=environ, cwd=self.folder, log=log)
        with log.open("wb") as sink:
            return subprocess.Popen(
                [sys.executable, "-m", "headpond_workers", *words],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    async def works(self, worker: Worker) -> None:
        """Wait until the store has heard that it works."""

        async def heard() -> bool:
            assert worker.runs, worker.words()
            return await self.state_of(worker) is WorkerState.WORKING

        await until(heard, STARTS_WITHIN_S)

    async def state_of(self, worker: Worker) -> WorkerState | None:
        """Return what a worker says of itself."""
        sample = await self.sample()
        return next((seen.state for seen in sample.workers if seen.id == worker.id), None)

    async def sample(self) -> QueueSample:
        """Sample the queue."""
        return (await self.store.sample([QUEUE]))[QUEUE]

    async def send(
        self, kind: str, count: int = 1, *, seconds: float = 0, **more: Any
    ) -> list[str]:
        """Enqueue jobs; return their ids."""
        payload = {"seconds": seconds, "steps": more.pop("steps", 0)}
        jobs = [mill.job_types[kind].pack(payload, **more) for _ in range(count)]
        assert all(await self.store.enqueue(QUEUE, jobs))
        return [job.id for job in jobs]

    def story(self, what: str = "", job_id: str = "") -> list[dict[str, Any]]:
        """Return what the handlers told, in order."""
        try:
            text = (self.folder / "story.jsonl").read_text("utf-8")
        except FileNotFoundError:
            return []
        lines = [json.loads(line) for line in text.splitlines()]
        return [line for line in lines if what in {"", line["what"]} and job_id in {"", line["id"]}]

    async def told(self, what: str, count: int = 1, within_s: float = 20.0) -> list[dict[str, Any]]:
        """Wait until something was told this often."""
        await until(lambda: len(self.story(what)) >= count, within_s)
        return self.story(what)

    async def job(self, job_id: str) -> StoredJob:
        """Read a job, which must be there."""
        (job,) = await self.store.read(QUEUE, [JobId(job_id)])
        assert job is not None, f"{job_id} is gone"
        return job

    async def over(self, *ids: str, within_s: float = 20.0) -> list[JobStatus]:
        """Wait until these jobs have ended for good; return how."""
        return [status_of(job) for job in await self.ended(*ids, within_s=within_s)]

    async def ended(self, *ids: str, within_s: float = 20.0) -> list[StoredJob]:
        """Wait until these jobs have ended for good; return them."""

        async def have_ended() -> bool:
            return all([(await self.job(job_id)).finished_ms for job_id in ids])

        await until(have_ended, within_s)
        return [await self.job(job_id) for job_id in ids]

    def end_all(self) -> None:
        """Leave no process behind."""
        for worker in self.workers:
            if worker.runs:
                worker.process.kill()
            worker.process.wait()


@asynccontextmanager
async def open_mill(
    url: str,
    namespace: str,
    folder: Path,
    *,
    is_configured: bool = True,
    nursery: Nursery | None = None,
) -> AsyncIterator[Mill]:
    """Open the mill with the app's own settings or none; close it with no process left."""
    store = RedisQueueStore(url, namespace)
    await store.start()
    app.bind(store)
    it = Mill(store, folder, url, namespace, nursery=nursery)
    if is_configured:
        await it.configure()
    try:
        yield it
    finally:
        it.end_all()
        await store.close()
