"""Where measurements take place: one fresh Redis and fresh processes for each run."""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from harness import bullmq, commands, redis_server
from harness.children import Child, ChildFailed, environment, python
from harness.side import REDIS
from harness.target import Target, ours, stock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.redis_server import Redis

SUPPORT: Final = Path(__file__).resolve().parents[1]
WARM: Final = 0.3
"""Part of the jobs of a run that is not timed: imports, plans, connections."""
SETTLED: Final = 3
"""So many looks in a row that see the same memory mean that a worker idles."""
SETTLED_MIB: Final = 0.2
LOOK_S: Final = 0.25
READY_WITHIN_S: Final = 30.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said."""

    jobs: int
    runs: int
    aof: bool
    pin: bool
    quick: bool = False
    """Only the first row of each benchmark is wanted, and only to see that it works."""


@dataclass
class Lab:
    """Runs contenders one after the other, and says what it does."""

    options: Options
    spent: dict[str, list[dict[str, float]]] = field(default_factory=dict, init=False)
    """Contender → for each of its runs, µs of the processor per job by place; for the picture."""
    versions: dict[str, str] = field(default_factory=dict, init=False)
    """Of what takes part besides the packages that every benchmark names."""

    @cached_property
    def no_bullmq(self) -> str:
        """Why BullMQ can't run here; "" when it can. The first question installs it."""
        reason = bullmq.absence(may_install=not self.options.quick)
        if reason:
            self.say(f"rows beside BullMQ are skipped: {reason}")
        return reason

    def interleaved(self, contenders: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
        """Run each contender in turn, as many rounds as asked for: noise then hits all alike."""
        found: dict[str, list[T]] = {name: [] for name in contenders}
        for number in range(1, self.options.runs + 1):
            for name, run in contenders.items():
                began = time.monotonic()
                found[name].append(run())
                seconds = time.monotonic() - began
                self.say(f"run {number} of {self.options.runs}: {name}, {seconds:.0f} s")
        return found

    def say(self, text: str) -> None:
        """Tell whoever waits; rows alone go to standard output."""
        print(f"  {text}", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def bench(self, side: str) -> Iterator[Bench]:
        """Give a fresh Redis, and the processes of one side."""
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headpond-")))
            cpu = 0 if self.options.pin else None
            redis = stack.enter_context(redis_server.running(folder, aof=self.options.aof, cpu=cpu))
            yield Bench(side, redis, folder, 1 if self.options.pin else None)


@dataclass
class Bench:
    """One run of one side."""

    side: str
    redis: Redis
    folder: Path
    cpu: int | None
    """Processor of the processes under measurement; Redis has processor 0."""

    def produce(self, verb: str, *figures: int, cpu: int | None = None) -> dict[str, float]:
        """Enqueue from a process of its own (`harness.produce`), and return what it measured."""
        return self.ask(commands.produce(self.side, verb, *figures), f"produce-{verb}", cpu)

    def ask(self, command: list[str], name: str, cpu: int | None = None) -> dict[str, Any]:
        """Run a process to its end, and return the JSON that it wrote last."""
        log = self.folder / f"{name}.log"
        with Child(command, self.env(), log, cpu) as child:
            if child.wait():
                raise ChildFailed(f"{' '.join(command)} failed:\n{child.tail()}")
        found: dict[str, Any] = json.loads(log.read_text("utf-8").splitlines()[-1])
        return found

    def worker(self, jobs: int = 0, warm: float = WARM) -> Child:
        """Start the side's worker; it reports after `jobs`."""
        counting = {
            "BENCH_JOBS": str(jobs),
            "BENCH_WARM": str(max(1, int(jobs * warm))),
            "BENCH_REPORT": str(self._report),
        }
        return Child(
            commands.worker(self.side), self.env(**counting), self.folder / "worker.log", self.cpu
        )

    def settle(self, worker: Child) -> float:
        """Wait until the worker has nothing more to set up or to end; return its memory in MiB."""
        seen: list[float] = []
        while len(seen) < SETTLED or max(seen[-SETTLED:]) - min(seen[-SETTLED:]) > SETTLED_MIB:
            worker.check()
            time.sleep(LOOK_S)
            seen.append(worker.pss_mib())
        return seen[-1]

    def report(self, worker: Child, within_s: float) -> dict[str, Any]:
        """Wait for the worker's report, and for every job's end."""
        deadline = time.monotonic() + within_s
        while not self._report.exists():
            worker.check()
            if time.monotonic() > deadline:
                raise ChildFailed(f"The worker is not done in {within_s:g} s:\n{worker.tail()}")
            time.sleep(0.02)
        self.produce("drained")
        found: dict[str, Any] = json.loads(self._report.read_text("utf-8"))
        return found

    @contextlib.contextmanager
    def api(self, *, timed: bool = False) -> Iterator[tuple[Target, Child]]:
        """Run the side's HTTP process, and tell where it takes jobs."""
        port, key = redis_server.free_port(), secrets.token_urlsafe(16)
        own = {"HEADPOND_PORT": str(port), "HEADPOND_API_KEY": key, "UVICORN_PORT": str(port)}
        command, log = commands.api(self.side), self.folder / "api.log"
        target = ours(port, key, timed=timed) if self.side == "ours" else stock(port, timed=timed)
        with Child(command, self.env(**own), log, self.cpu) as child:
            deadline = time.monotonic() + READY_WITHIN_S
            while not target.is_ready():
                child.check()
                if time.monotonic() > deadline:
                    raise ChildFailed(f"The API is not ready:\n{child.tail()}")
                time.sleep(0.05)
            yield target, child

    def load(self, target: Target, *figures: int) -> dict[str, float]:
        """Send jobs by HTTP from a process of its own (`harness.load`)."""
        command = python("-m", "harness.load", target.as_json(), *map(str, figures))
        return self.ask(command, "load")

    def env(self, **more: str) -> dict[str, str]:
        """Return the environment of this run's processes."""
        own = {
            "PYTHONPATH": str(SUPPORT),
            "HEADPOND_APPS": "harness.ours",
            "HEADPOND_REDIS_URL": self.redis.url,
            REDIS: self.redis.url,
        }
        return environment(**own | more)

    @property
    def _report(self) -> Path:
        return self.folder / "report.json"
