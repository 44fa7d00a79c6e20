"""Worker processes of `vault_app`, and a search for words in all that they and Redis leave."""

from __future__ import annotations

import base64
import os
import secrets
import struct
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headpond.config import default_config
from headpond.queues import WorkerState
from headpond.redis import RedisQueueStore
from headpond.sealing import Keyring
from until import until
from vault_app import app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import redis

    from headpond import JobStatus, JobType
    from headpond.jobs import StoredJob

OLD: Final = "old:" + base64.b64encode(bytes(range(32))).decode()
NEW: Final = "new:" + base64.b64encode(bytes(range(50, 82))).decode()
STARTS_WITHIN_S: Final = 45.0


class Canary:
    """A word and a number that nobody else uses."""

    def __init__(self) -> None:
        """Make them up."""
        self.word = f"kanarienvogel{secrets.token_hex(6)}"
        self.number = 4_000_000_000_000 + secrets.randbelow(1_000_000_000_000)

    @property
    def email(self) -> str:
        """An address of it."""
        return f"{self.word}@cage.example"

    def needles(self) -> list[bytes]:
        """Return how it may be written: as text, as base64 at three offsets, as a number."""
        word = self.word.encode()
        coded = [base64.b64encode(bytes(pad) + word)[4:-4] for pad in range(3)]
        return [word, *coded, str(self.number).encode(), struct.pack(">Q", self.number)]

    def found_in(self, where: Iterable[tuple[str, bytes]]) -> list[str]:
        """Return the names of the places where it is."""
        needles = self.needles()
        return [name for name, content in where if any(each in content for each in needles)]


def everything(client: redis.Redis) -> list[tuple[str, bytes]]:
    """Return the content of every key of a Redis, whatever its type."""
    found = []
    for key in client.scan_iter(count=1000):
        kind: Any = client.type(key)
        content = _content(client, kind.decode(), key)
        # As text, for numbers; and the bytes themselves, which the text would escape.
        found.append((key.decode(), repr(content).encode() + b"".join(_raw(content))))
    return found


def _content(client: Any, kind: str, key: bytes) -> Any:
    read = {
        "string": lambda: client.get(key),
        "hash": lambda: client.hgetall(key),
        "list": lambda: client.lrange(key, 0, -1),
        "set": lambda: client.smembers(key),
        "zset": lambda: client.zrange(key, 0, -1),
        "stream": lambda: client.xrange(key),
    }
    return read[kind]()


def _raw(value: Any) -> Iterable[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for item in value.items():
            yield from _raw(item)
    elif isinstance(value, list | set | tuple):
        for each in value:
            yield from _raw(each)


def files_of(folder: Path) -> list[tuple[str, bytes]]:
    """Return the content of every file below a folder."""
    return [(str(path), path.read_bytes()) for path in folder.rglob("*") if path.is_file()]


@dataclass
class Vault:
    """The two queues, and the workers that a test starts."""

    store: RedisQueueStore
    folder: Path
    url: str
    namespace: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    started: int = 0

    async def start(self, queue: str, keys: str = "", **own: str) -> Path:
        """Start a worker that has these keys and logs all it can; return its log."""
        name, process, log = self._spawn(queue, keys, own)

        async def works() -> bool:
            assert process.poll() is None, log.read_text()
            sample = (await self.store.sample([queue]))[queue]
            return any(w.id == name and w.state is WorkerState.WORKING for w in sample.workers)

        await until(works, STARTS_WITHIN_S)
        return log

    def _spawn(
        self, queue: str, keys: str, own: dict[str, str]
    ) -> tuple[str, subprocess.Popen[bytes], Path]:
        self.started += 1
        name = f"w{self.started}"
        plain = {k: v for k, v in os.environ.items() if not k.startswith("HEADPOND_")}
        environ = {
            **plain,
            "PYTHONPATH": str(Path(__file__).parent),
            "HEADPOND_REDIS_URL": self.url,
            "HEADPOND_NAMESPACE": self.namespace,
            "HEADPOND_APPS": "vault_app",
            "HEADPOND_WORKER_ID": name,
            "HEADPOND_LOG_LEVEL": "debug",
            "HEADPOND_ENCRYPTION_KEYS": keys,
            **own,
        }
        log = self.folder / f"{name}.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "headpond_workers", "--queue", queue],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return name, process, log

    async def job(self, job_type: JobType, job_id: str) -> StoredJob:
        """Read a job, which must be there."""
        (found,) = await self.store.read(job_type.queue, [job_id])  # type: ignore[list-item]
        assert found is not None, f"{job_id} is gone"
        return found

    async def ended(self, job_type: JobType, job_id: str) -> JobStatus:
        """Wait until a job has ended for good; return how it reads here."""

        async def has_ended() -> bool:
            return (await self.job(job_type, job_id)).finished_ms > 0

        await until(has_ended)
        status = await job_type.status(job_id)
        assert status is not None
        return status

    def bind(self, keys: str) -> None:
        """Have this process enqueue and read with these keys."""
        app.bind(self.store, Keyring.parse(keys, "test"))

    def stop_all(self) -> None:
        """Leave no process behind."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.processes.clear()


@asynccontextmanager
async def open_vault(url: str, namespace: str, folder: Path) -> AsyncIterator[Vault]:
    """Configure both queues as their code says, and leave no process behind."""
    store = RedisQueueStore(url, namespace)
    await store.start()
    it = Vault(store, folder, url, namespace)
    it.bind(OLD)
    for name, queue in app.queues.items():
        await store.configure(name, default_config(name, queue.defaults).spec.to_settings())
    try:
        yield it
    finally:
        it.stop_all()
        await store.close()
