"""Writes the status of each QueueConfig, seldom, and posts an Event when something is news."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from headpond.events import Decided, Scaled
from headpond_operator.budget import Budget
from headpond_operator.kube import CONFLICT, NOT_FOUND, KubeFault
from headpond_operator.leader import NotLeading
from headpond_operator.status import differs, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from headpond.events import Event
    from headpond.governor.watch import Look
    from headpond_operator.conditions import Facts
    from headpond_operator.kube import Kube
    from headpond_operator.leader import Leader
    from headpond_operator.objects import Declared, Key

logger = logging.getLogger(__name__)

FIGURES_EVERY_S: Final = 5.0
"""Of one queue, when nothing but figures has changed."""
FIGURES_PER_S: Final = 2.0
"""Of all queues together: a status may be a little old, the API server is everybody's."""
FACTS_EVERY_S: Final = 0.5
"""Of one queue: somebody else may write its status as often as we do."""
FACTS_PER_S: Final = 100.0
"""A thousand queues can say within ten seconds that Redis is gone."""
EVENTS_PER_S: Final = 1.0
EVENTS_BURST: Final = 100.0
MOST_EVENTS: Final = 500
"""Waiting to be posted; then the oldest are dropped, as Events may be."""
AT_ONCE: Final = 8


@dataclass(slots=True)
class _Written:
    """What is known of one status."""

    figures_s: float = float("-inf")
    """When figures were last written."""
    facts_s: float = float("-inf")
    """When facts were last written."""
    retry_s: float = 0.0
    """Not before this, after a fault."""
    decision: dict[str, Any] | None = None
    """As it was last written."""


class Reporter:
    """Looks at what has changed and says so on the objects."""

    def __init__(
        self,
        kube: Kube,
        leader: Leader,
        now_s: Callable[[], float],
    ) -> None:
        """Write through `kube` while `leader` leads; `now_s` is Unix time."""
        self._kube = kube
        self._leader = leader
        self.facts: Callable[[Key], Facts | None] = lambda _: None
        """Gives what is to be said of a QueueConfig."""
        self._now_s = now_s
        self.wrote: Callable[[Mapping[str, Any]], None] = lambda _: None
        """Given each object as the API server answered it, before the watch tells of it."""
        self._dirty: set[Key] = set()
        self._waiting: dict[Key, None] = {}
        """Those with nothing but new figures, the longest waiting first."""
        self._written: dict[Key, _Written] = {}
        self._looks: dict[Key, tuple[Look, object]] = {}
        self._events: deque[tuple[Key, str, str, str]] = deque(maxlen=MOST_EVENTS)
        self._figures = Budget(FIGURES_PER_S, burst=5.0)
        self._urgent = Budget(FACTS_PER_S, burst=FACTS_PER_S)
        self._posts = Budget(EVENTS_PER_S, burst=EVENTS_BURST)
        self._gate = asyncio.Semaphore(AT_ONCE)

    # ── what to look at ──

    def touch(self, key: Key) -> None:
        """Have a QueueConfig looked at again."""
        self._dirty.add(key)

    def note(self, key: Key, look: Look) -> None:
        """Have it looked at when the governor has seen or decided something else."""
        known, gist = self._looks.get(key, (None, None))
        if known is look:
            return
        now = _gist(look)
        self._looks[key] = look, now
        if now != gist:
            self._dirty.add(key)

    def forget(self, key: Key) -> None:
        """Say nothing more of a QueueConfig that is gone."""
        self._dirty.discard(key)
        self._waiting.pop(key, None)
        self._written.pop(key, None)
        self._looks.pop(key, None)

    def tell(self, key: Key, *, is_warning: bool, reason: str, message: str) -> None:
        """Post an Event about a QueueConfig."""
        self._events.append((key, "Warning" if is_warning else "Normal", reason, message))

    # ── saying it ──

    async def settle(self) -> None:
        """Write each status that is not as it should be, as far as the budgets go."""
        now_s = self._now_s()
        due, self._dirty = self._dirty, set()
        writes = [self._consider(key, now_s) for key in due]
        for key in list(self._waiting):
            if now_s - self._of(key).figures_s < FIGURES_EVERY_S:
                continue
            if not self._figures.take(now_s):
                break
            self._of(key).figures_s = now_s
            writes.append(self._consider(key, now_s, with_figures=True))
        await asyncio.gather(*(write for write in writes if write is not None))
        await self._post()

    def _consider(
        self, key: Key, now_s: float, *, with_figures: bool = False
    ) -> Coroutine[Any, Any, None] | None:
        """Return the write of a status, if there is something to write and it may be now."""
        facts = self.facts(key)
        if facts is None:
            self._waiting.pop(key, None)
            return None
        there = facts.declared.status
        own = self._of(key).decision
        # Of the decision our own word counts, so that one that was edited is healed.
        before = {**there, "lastDecision": own} if own else there
        status = status_of(facts, before, round(now_s * 1000))
        difference = differs(status, there)
        if difference == "figures" and not with_figures:
            self._waiting.setdefault(key)  # where it is in the queue already, it stays
            return None
        self._waiting.pop(key, None)
        if not difference:
            return None
        written = self._of(key)
        is_soon = now_s < max(written.retry_s, written.facts_s + FACTS_EVERY_S)
        if is_soon or not self._urgent.take(now_s):
            self._dirty.add(key)
            return None
        written.facts_s = now_s
        return self._write(facts.declared, status)

    def _of(self, key: Key) -> _Written:
        return self._written.setdefault(key, _Written())

    async def _write(self, declared: Declared, status: dict[str, Any]) -> None:
        key = declared.key
        path = f"/apis/headpond.dev/v1alpha1/namespaces/{key.namespace}/queueconfigs/{key.name}"
        # The whole of it, and only for the object that it was made for.
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": declared.uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        async with self._gate:
            try:
                self._leader.check()
                self.wrote(await self._kube.patch(f"{path}/status", patch, "json"))
            except KubeFault as fault:
                self._put_off(key, fault)
                return
            except NotLeading:
                return
        self._of(key).decision = status.get("lastDecision")
        self._tell_of(key, status, declared.status)

    def _put_off(self, key: Key, fault: KubeFault) -> None:
        if fault.status == NOT_FOUND:
            return  # it is gone; the watch will say so
        self._dirty.add(key)
        if fault.status != CONFLICT:
            self._of(key).retry_s = self._now_s() + FIGURES_EVERY_S
            extra = {"event": "status-refused", "queueconfig": str(key)}
            logger.warning("the status of %s can't be written: %s", key, fault, extra=extra)

    def _tell_of(self, key: Key, now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """Post an Event for each condition that turned bad, and one when all is well again."""
        old = {
            each.get("type"): (each.get("status"), each.get("reason"))
            for each in before.get("conditions") or ()
            if isinstance(each, dict)
        }
        news = [
            each
            for each in now["conditions"]
            if old.get(each["type"]) != (each["status"], each["reason"])
        ]
        bad = [each for each in news if each["status"] == BAD.get(each["type"])]
        told = {each["reason"] for each in bad if each["type"] != "Ready"}
        for each in bad:
            if each["type"] != "Ready" or each["reason"] not in told:  # else it repeats another
                self.tell(key, is_warning=True, reason=each["reason"], message=each["message"])
        for each in news:
            is_back = each["type"] == "Ready" and each["status"] == "True"
            if is_back and old.get("Ready", ("",))[0] != "True":
                self.tell(key, is_warning=False, reason=each["reason"], message=each["message"])

    async def _post(self) -> None:
        for _ in range(min(AT_ONCE, len(self._events))):  # the statuses wait for them
            if not self._posts.take(self._now_s()):
                return
            key, kind, reason, message = self._events.popleft()
            facts = self.facts(key)
            if facts is None:
                continue
            body = _event(facts.declared, kind, reason, message, self._now_s())
            try:
                self._leader.check()
                await self._kube.create(f"/api/v1/namespaces/{key.namespace}/events", body)
            except KubeFault as fault:
                extra = {"event": "event-refused", "queueconfig": str(key)}
                logger.warning("an Event about %s was not taken: %s", key, fault, extra=extra)
            except NotLeading:
                return


BAD: Final = {
    "BacklogKnown": "False",
    "Conflict": "True",
    "WorkersHealthy": "False",
    "Ready": "False",
}
"""Conditions that Events tell of, and what each is when it is bad."""


def _gist(look: Look) -> object:
    """Return what a status is made of: an idle queue that was thought about again is no news."""
    sample, decision, trouble = look.seen.sample, look.decision, look.seen.trouble
    said = (decision.line, decision.rule, decision.next_change_ms, look.policy.mode, trouble)
    if sample is None:
        return said
    counts = (sample.waiting, sample.due, sample.active, sample.delayed, sample.failed)
    return (*said, *counts, sample.parked, sample.oldest_ms, sample.held)


class Announcer:
    """A sink that makes Events of the moves that the governor wrote."""

    def __init__(self, reporter: Reporter, keys: Callable[[str], Key | None]) -> None:
        """`keys` gives the QueueConfig of a queue."""
        self._reporter = reporter
        self._keys = keys
        self._reasons: dict[str, str] = {}

    def receive(self, event: Event) -> None:
        """Post what was written, with the decision's own sentence."""
        if isinstance(event, Decided):
            self._reasons[event.queue] = event.reason
        if not isinstance(event, Scaled) or event.before == event.replicas:
            return
        key = self._keys(event.queue)
        if key is None:
            return
        up = event.replicas > event.before
        why = self._reasons.get(event.queue, "")
        who = f" ({', '.join(event.victims)} had nothing to do)" if event.victims else ""
        message = f"{event.before}→{event.replicas}: {why}{who}"
        self._reporter.tell(
            key, is_warning=False, reason="ScaledUp" if up else "ScaledDown", message=message
        )


def _event(
    declared: Declared, kind: str, reason: str, message: str, now_s: float
) -> dict[str, Any]:
    key = declared.key
    moment = datetime.fromtimestamp(now_s, UTC)
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{key.name}.", "namespace": key.namespace},
        "involvedObject": {
            "apiVersion": "headpond.dev/v1alpha1",
            "kind": "QueueConfig",
            "name": key.name,
            "namespace": key.namespace,
            "uid": declared.uid,
        },
        "type": kind,
        "reason": reason,
        "message": message[:1024],
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
        "source": {"component": "headpond-operator"},
        "reportingComponent": "headpond-operator",
    }
