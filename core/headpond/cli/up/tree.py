"""The composition root of `headpond up`: Redis, API, governor, workers as one process tree."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from headpond.cli.up import screen
from headpond.cli.up.declared import read_file
from headpond.cli.up.folder import DataFolder, socket_url
from headpond.cli.up.kept import Kept
from headpond.cli.up.options import HOST, choose_apps, choose_port, load_catalog
from headpond.cli.up.redis_binary import check_data, find_binary
from headpond.cli.up.redis_server import claim_data, redis_role
from headpond.cli.up.roles import Shells
from headpond.cli.up.steering import Source, Steering, idle_sentences
from headpond.clock import SystemClock
from headpond.errors import Unavailable
from headpond.governor import Governor
from headpond.governor.local import LocalFleet
from headpond.redis import RedisQueueStore
from headpond.settings import KeySettings, WorkerSettings, from_environment
from headpond.telemetry.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from headpond.cli.up.options import Options

KILLED = 130
"""Exit code after a second Ctrl-C, the shells' usual one."""


class Tree:
    """Everything that one `headpond up` runs."""

    def __init__(self, options: Options) -> None:
        """Read the environment; start nothing."""
        self.options = options
        self.settings = from_environment(WorkerSettings)
        self.folder = DataFolder(options.data)
        self.kept: list[Kept] = []
        self.fleet: LocalFleet | None = None
        self.store: RedisQueueStore | None = None
        self.stopping = asyncio.Event()
        self.governor_stop = asyncio.Event()
        self.roles: set[asyncio.Task[None]] = set()
        self.was_killed = False

    async def run(self) -> int:
        """Start, run until a signal, stop in order; return the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._asked_to_stop)
        self.folder.lock()
        try:
            try:
                await self._until_stopped(self._start())
                await self._until_stopped()
            finally:
                await self._stop()
                self.folder.mark_ended()
        finally:
            self.folder.release()
        return KILLED if self.was_killed else 0

    # ── starting ──

    async def _start(self) -> None:
        options, settings = self.options, self.settings
        documents = read_file(options.file) if options.file else []
        apps = choose_apps(options, settings, documents)
        catalog = load_catalog(apps)
        port = await choose_port(options.port, patient=self.folder.was_cut_off)
        source = Source(catalog, options.file, max(1, os.cpu_count() or 1))
        source.read()  # a fault in the file is said before anything is started
        url, redis_name = await self._start_redis()
        self.store = RedisQueueStore(url, settings.namespace)
        await self.store.start()
        steering = self.steering = Steering(source, self.store, SystemClock(), screen.say)
        await steering.apply()
        key = options.key or os.environ.get("HEADPOND_API_KEY") or self.folder.key()
        shells = Shells(
            environ=os.environ,
            redis_url=url,
            database_url=self.folder.database_url,
            apps=apps,
            logs=self.folder.logs,
            port=port,
            key=key,
            keys_file=self._keys_file(),
        )
        await self._keep(Kept(shells.api(), screen.say))
        self.fleet = LocalFleet(self.store, shells.worker, screen.say, settings.grace_s)
        self._print_head(port, key, redis_name)
        self._run(self.fleet.run())
        self._run(steering.run())
        governor = Governor(
            self.store, self.fleet, steering.policies, [Lines(screen.say)], SystemClock()
        )
        self._run(governor.run(self.governor_stop))

    def _keys_file(self) -> Path:
        """Return the folder's keys; whichever are in force can be read, or it is said here."""
        path = self.folder.encryption_keys()
        if not self.settings.keyring():
            KeySettings(encryption_keys_file=str(path)).keyring()
        return path

    async def _start_redis(self) -> tuple[str, str]:
        """Return address and name of the Redis: our own, unless the environment names one."""
        given = self.settings.redis_url.get_secret_value()
        if given:
            return given, "the one that HEADPOND_REDIS_URL names"
        binary = find_binary(os.environ)
        check_data(binary, self.folder.redis)
        lock_fd = await claim_data(self.folder)
        socket = self.folder.socket()
        role = redis_role(binary, self.folder, socket, lock_fd, self._redis_is_back)
        await self._keep(Kept(role, screen.say))
        return socket_url(socket), f"{binary.name} at {socket}"

    async def _redis_is_back(self) -> None:
        await self.steering.apply_again()

    async def _keep(self, kept: Kept) -> None:
        self.kept.append(kept)
        await kept.start()
        self._run(kept.run())

    def _run(self, role: Coroutine[None, None, None]) -> None:
        self.roles.add(asyncio.create_task(role))

    def _print_head(self, port: int, key: str, redis_name: str) -> None:
        address = f"http://{HOST}:{port}"
        configs = self.steering.configs
        screen.head(
            {
                "address": f"{address}  (try it at {address}/docs)",
                "key": key,
                "queues": screen.describe(configs),
                "data": str(self.folder.path),
                "redis": redis_name,
                "logs": f"{self.folder.logs}/",
            }
        )
        for sentence in idle_sentences(configs):
            screen.say(sentence)
        if self.options.opens:
            screen.show_page(f"{address}/docs")

    # ── running and stopping ──

    async def _until_stopped(self, work: Coroutine[None, None, None] | None = None) -> None:
        """Return when `work` is done or a stop is asked for; a role that breaks raises."""
        own = {asyncio.create_task(work)} if work else set()
        if self.stopping.is_set() and not own:
            return
        asked = asyncio.create_task(self.stopping.wait())
        try:
            while True:
                watched = {asked, *own, *self.roles}
                done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                self.roles -= done
                if asked in done or own & done:
                    return
        finally:
            for task in (asked, *own):
                task.cancel()
            await asyncio.gather(asked, *own, return_exceptions=True)

    def _asked_to_stop(self) -> None:
        if not self.stopping.is_set():
            self.stopping.set()
            return
        self.was_killed = True
        if self.fleet:
            self.fleet.kill()
        for kept in self.kept:
            kept.kill()

    async def _stop(self) -> None:
        """End what was started, in order: API, governor and workers, Redis last."""
        await self._say_farewell()
        redis, *shells = self.kept if self._has_own_redis() else [None, *self.kept]
        for kept in shells:
            if kept:
                await kept.stop()
        self.governor_stop.set()
        if self.fleet:
            await self.fleet.close()
        if self.store:
            await self.store.close()
        if redis:
            await redis.stop()
        for role in self.roles:
            role.cancel()
        await asyncio.gather(*self.roles, return_exceptions=True)
        if self.fleet:
            screen.say("Stopped.")

    def _has_own_redis(self) -> bool:
        return bool(self.kept) and self.kept[0].role.name == "redis-server"

    async def _say_farewell(self) -> None:
        if self.fleet is None or self.store is None:
            return
        text = "Stopping: running jobs may finish (Ctrl-C again kills them; they would run again)."
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(1):
                samples = await self.store.sample(list(self.steering.configs))
            left = sum(each.outstanding + each.delayed for each in samples.values())
            text += f" {left:,} jobs are left; they are kept." if left else " No job is left."
        screen.say(text)
