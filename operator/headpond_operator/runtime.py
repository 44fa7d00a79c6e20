"""The operator put together: watching always, acting while it holds the Lease."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import yaml
from typing_extensions import override

from headpond.app.catalog import Catalog, load_apps
from headpond.clock import SystemClock
from headpond.config import default_config, over
from headpond.errors import ConfigInvalid, FieldError, HeadpondError, StoreUnfit, Unavailable
from headpond.events import RoundDone, RoundFailed
from headpond.governor import Governor, Pace
from headpond.governor.in_force import InForce
from headpond.redis import RedisQueueStore
from headpond.telemetry import probes
from headpond.telemetry.event_log import EventLog
from headpond.telemetry.governor_metrics import GovernorMetrics
from headpond.telemetry.scrape import Scrape
from headpond_operator.acting import Acting
from headpond_operator.cluster import QUEUES, Cluster
from headpond_operator.deployments import Deployments
from headpond_operator.farewell import Farewell
from headpond_operator.fleet import KubeFleet
from headpond_operator.handlers import watch
from headpond_operator.kube import Kube
from headpond_operator.leader import Leader
from headpond_operator.listing import RETRY_S, Listing
from headpond_operator.manifests import Installation
from headpond_operator.objects import Key
from headpond_operator.reporter import Announcer, Reporter
from headpond_operator.roster import Roster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headpond.config import QueueConfig
    from headpond.events import Event
    from headpond.queues import QueueSample
    from headpond.settings import OperatorSettings

logger = logging.getLogger(__name__)

ALL: Final = "*"
OWN_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
STUCK_S: Final = 30.0
"""A governor that has not turned for this long will not by itself."""
SWEEP_STUCK_S: Final = 300.0
"""The same of the lists: each request ends within seconds, well or badly, but there may be many."""
STORE_RETRY_S: Final = 1.0


class SampledStore(RedisQueueStore):
    """Keeps the samples of the latest round: who scales wants to know which workers there are."""

    samples: Mapping[str, QueueSample] = {}

    @override
    async def tick(self, queues: Sequence[str]) -> dict[str, QueueSample]:
        samples = await super().tick(queues)
        self.samples = samples
        return samples


class Operator:
    """One operator process."""

    def __init__(self, settings: OperatorSettings) -> None:
        """Read what the settings name; raises `ConfigInvalid`."""
        self.settings = settings
        self.namespace = settings.pod_namespace or _own_namespace()
        self.kube = Kube()
        self.store = SampledStore(settings.url, settings.namespace)
        self.cluster = Cluster()
        self.roster = Roster(self.cluster, _merger(settings))
        self.installation = Installation(
            settings.worker_image, settings.namespace, _template(settings.worker_template_file)
        )
        self.watched = _watched(settings, self.namespace)
        self.listing = Listing(self.kube, self.cluster, self.watched)
        identity = f"{settings.identity or socket.gethostname()}-{uuid4().hex[:5]}"
        self.leader = Leader(self.kube, Key(self.namespace, settings.lease_name), identity)
        self.metrics = GovernorMetrics()
        self.log = EventLog()
        self.unfit = "The operator has not spoken to Redis yet."
        self._looked_s = self._swept_s = time.monotonic()
        self.listing.swept = self._note_sweep
        self.cluster.now_s = time.monotonic
        self._clock = SystemClock()

    async def run(self) -> None:
        """Watch, and act while leading, until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        _heed_signals(stop)
        await self.kube.start()
        server = await self._serve_probes()
        try:
            if await self._await_crd(stop):
                await self._run(stop)
        finally:
            if server is not None:
                server.close()
            await self.store.close()
            await self.kube.close()

    async def _run(self, stop: asyncio.Event) -> None:
        begun = asyncio.Event()
        helpers = [
            asyncio.create_task(each)
            for each in (
                self.listing.run(),
                self._meet_store(),
                _heed_signals_after(begun, stop),
            )
        ]
        watching = asyncio.create_task(watch(self.cluster, self.watched, stop, begun))
        leading = asyncio.create_task(self.leader.run(self._lead, stop))
        tasks = [watching, leading, *helpers]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            await asyncio.wait([leading, watching], timeout=5)  # the Lease is handed over
            for task in done:
                task.result()  # a part that broke ends the process: it is started anew
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # ── leading ──

    async def _lead(self) -> None:
        """Act until cancelled. Everything remembered between rounds begins anew with the Lease."""
        logger.info("this operator leads now", extra={"event": "leading"})
        while not await self.listing.once():  # noqa: ASYNC110 (the API server tells of no return)
            await asyncio.sleep(RETRY_S)
        in_force = InForce(self.store, self._clock)
        fleet = KubeFleet(
            self.kube,
            self.cluster,
            self.roster,
            self.leader,
            lambda: self.store.samples,
            now_s=time.time,
            patience_s=self.settings.unschedulable_after_s,
        )
        deployments = Deployments(
            self.kube, self.cluster, self.roster, self.leader, self.installation, time.time
        )
        reporter = Reporter(self.kube, self.leader, time.time)
        reporter.wrote = lambda body: self.cluster.put(QUEUES, body)
        deployments.changed = reporter.touch
        farewell = Farewell(self.store, time.time)
        acting = Acting(self.cluster, self.roster, in_force, farewell, deployments, fleet, reporter)
        governor = Governor(
            self.store,
            fleet,
            lambda: self.roster.policies,
            [self.log, self.metrics, Announcer(reporter, self._key_of), acting, self],
            self._clock,
            pace=Pace(chance=random.random),
        )
        acting.latest = lambda: governor.latest
        reporter.facts, in_force.said = acting.facts, acting.refused
        fleet.drifted = acting.drifted
        acting.why_unfit = lambda: self.unfit
        self.cluster.changed = acting.changed
        self.roster.begin_anew()
        in_force.may = farewell.may = lambda: self.leader.is_leading
        self._looked_s = time.monotonic()
        self.metrics.leading = True
        try:
            async with asyncio.TaskGroup() as group:
                await acting.begin()
                group.create_task(acting.mind_store())
                group.create_task(acting.mind_deployments())
                group.create_task(acting.report())
                group.create_task(governor.run(asyncio.Event()))
        finally:
            self.cluster.changed = lambda *_: None
            self.metrics.leading = False
            logger.info("this operator leads no more", extra={"event": "not-leading"})

    def _key_of(self, queue: str) -> Key | None:
        standing = self.roster.by_queue.get(queue)
        return standing.declared.key if standing else None

    # ── being there ──

    async def _await_crd(self, stop: asyncio.Event) -> bool:
        """Wait until QueueConfigs can be listed: kopf would never look for their kind again."""
        while not stop.is_set():
            if await self.listing.once():
                return True
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S):
                    await stop.wait()
        return False

    async def _meet_store(self) -> None:
        """Pass the store's start-up gate, however long it takes."""
        while True:
            try:
                await self.store.start()
            except StoreUnfit as error:
                self._say_unfit(str(error))
            except Unavailable:
                self.unfit = ""  # what is away may be fit; each round says that it is away
            except HeadpondError as error:
                self._say_unfit(str(error))
            else:
                self.unfit = ""
                break
            await asyncio.sleep(STORE_RETRY_S)
        await asyncio.Event().wait()

    def _say_unfit(self, sentence: str) -> None:
        if sentence != self.unfit:
            logger.error("%s", sentence, extra={"event": "store-unfit"})
        self.unfit = sentence

    @property
    def is_alive(self) -> bool:
        """Whether the parts that never rest have turned lately; their faults count as turning."""
        now_s = time.monotonic()
        looks = not self.metrics.leading or now_s - self._looked_s < STUCK_S
        return looks and now_s - self._swept_s < SWEEP_STUCK_S

    def receive(self, event: Event) -> None:
        """Hear from the governor that it turns."""
        if isinstance(event, RoundDone | RoundFailed):
            self._looked_s = time.monotonic()

    def _note_sweep(self) -> None:
        self._swept_s = time.monotonic()

    async def _serve_probes(self) -> asyncio.Server | None:
        port = self.settings.probe_port
        if not port:
            return None
        scrape = Scrape(self.metrics)
        self.metrics.leading = False
        probed = probes.Probed(
            is_ready=lambda: self.listing.is_complete,
            figures=scrape.text,
            is_alive=lambda: self.is_alive,
        )
        try:
            return await probes.serve(port, probed)
        except OSError as error:
            detail = f"Port {port} can't be had: {error.strerror}."
            raise ConfigInvalid([FieldError("/HEADPOND_PROBE_PORT", detail)], ENV) from error


ENV: Final = "environment"


def _heed_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _heed_signals_after(begun: asyncio.Event, stop: asyncio.Event) -> None:
    """Take the signals back from kopf, which would end first and slowly: the Lease goes at once."""
    await begun.wait()
    _heed_signals(stop)
    await asyncio.Event().wait()


def _own_namespace() -> str:
    with suppress(OSError):
        return OWN_NAMESPACE.read_text(encoding="utf-8").strip()
    return "default"


def _watched(settings: OperatorSettings, own: str) -> tuple[str, ...]:
    """Return the namespaces to watch; `()` for all."""
    if ALL in settings.watch_namespaces:
        return ()
    return settings.watch_namespaces or (own,)


def _template(path: str) -> dict[str, Any]:
    """Return the pod template of the installation."""
    if not path:
        return {}
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        detail = f"{path!r} can't be read as YAML: {error}."
        raise ConfigInvalid([FieldError("/HEADPOND_WORKER_TEMPLATE_FILE", detail)], ENV) from error
    if not isinstance(found or {}, dict):
        detail = f"{path!r} holds no pod template: write a mapping with metadata and spec."
        raise ConfigInvalid([FieldError("/HEADPOND_WORKER_TEMPLATE_FILE", detail)], ENV)
    return found or {}


def _merger(settings: OperatorSettings) -> Any:
    """Return what lays a QueueConfig over the defaults of its app's code, if the code is here."""
    try:
        catalog = Catalog(load_apps(settings.apps))
    except ConfigInvalid as error:
        if not settings.apps:
            raise
        sentence = (
            "%s The defaults in its code are not known here; QueueConfigs are taken as whole."
        )
        logger.warning(sentence, error, extra={"event": "app-missing"})
        return lambda document: document
    known = set(catalog.queue_names())

    def merge(document: QueueConfig) -> QueueConfig:
        if document.queue not in known:
            return document
        code = default_config(document.queue, catalog.queue(document.queue).defaults)
        return over(code, document)

    return merge
