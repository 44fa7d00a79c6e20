"""What the limits of a queue and of its tenants let start at one moment.

A limit says when one more job may start: at once, at some moment (a rate), or not before another
one ends. The queue's limits stop every claim; a tenant's let its jobs step aside for others.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Final

from headpond.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headpond.memory.queue import Queue
    from headpond.queues import QueueSettings, Rate, TenantRule

NOT_BY_TIME: Final = math.inf
"""Another job must end first."""


class Starts:
    """When jobs of one queue began lately, oldest first."""

    def __init__(self) -> None:
        """Begin with none."""
        self.of_queue: deque[int] = deque()
        self.of_tenant: defaultdict[str, deque[int]] = defaultdict(deque)

    def note(self, tenant: str, settings: QueueSettings, now_ms: int) -> None:
        """Remember one more, and no longer than any rate asks."""
        for starts, rate in (
            (self.of_queue, settings.rate),
            (self.of_tenant[tenant], rule_of(settings, tenant).rate),
        ):
            starts.append(now_ms)
            while starts and abs(now_ms - starts[0]) >= rate.per_ms:
                starts.popleft()


def rule_of(settings: QueueSettings, tenant: str) -> TenantRule:
    """Return the rule of a tenant."""
    return dict(settings.tenants).get(tenant, settings.tenant)


class Limits:
    """The limits of one queue at one moment, as its active jobs and latest starts use them up."""

    def __init__(self, queue: Queue, now_ms: int) -> None:
        """Count who is active."""
        self._queue = queue
        self._settings = queue.settings
        self._rules = dict(queue.settings.tenants)
        self._now_ms = now_ms
        self._active = Counter(row.tenant for row in queue.places.each(JobState.ACTIVE))

    def queue_lets_start(self) -> bool:
        """Whether one more job may start, whosever it is."""
        return self._queue_from_ms() <= self._now_ms

    def lets_start(self, tenant: str) -> bool:
        """Whether one more job of this tenant may start, as far as its own limits go."""
        return self._from_ms(tenant) <= self._now_ms

    def started(self, tenant: str) -> None:
        """Count one more."""
        self._active[tenant] += 1
        self._queue.starts.note(tenant, self._settings, self._now_ms)

    def lets_any_start(self) -> bool:
        """Whether any waiting job may start."""
        waiting = self._queue.places.each(JobState.WAITING)
        return self.queue_lets_start() and any(self.lets_start(row.tenant) for row in waiting)

    def next_ms(self) -> int:
        """Return when time alone lets a waiting job start that may not start now; 0: it doesn't."""
        tenants = {row.tenant for row in self._queue.places.each(JobState.WAITING)}
        moments = [max(self._queue_from_ms(), self._from_ms(tenant)) for tenant in tenants]
        return _first(moment for moment in moments if self._now_ms < moment < NOT_BY_TIME)

    def aside(self) -> int:
        """Return how many waiting jobs only wait for others of their own tenant."""
        waiting = self._queue.places.each(JobState.WAITING)
        aside = Counter(row.tenant for row in waiting if row.is_aside)
        return sum(max(0, count - self._room(tenant)) for tenant, count in aside.items())

    def _room(self, tenant: str) -> int:
        """Return how many more of the tenant's jobs may start now."""
        rule, starts = self._rule(tenant), self._queue.starts.of_tenant[tenant]
        lately = sum(abs(self._now_ms - ms) < rule.rate.per_ms for ms in starts)
        free = [rule.max_active - self._active[tenant]] if rule.max_active else []
        free += [rule.rate.max - lately] if rule.rate.max else []
        return max(0, min(free, default=self._queue.places.count(JobState.WAITING)))

    def _queue_from_ms(self) -> float:
        active, most = self._active.total(), self._settings.max_active
        if most and active >= most:
            return NOT_BY_TIME
        return self._rate_from_ms(self._queue.starts.of_queue, self._settings.rate)

    def _from_ms(self, tenant: str) -> float:
        rule, starts = self._rule(tenant), self._queue.starts.of_tenant[tenant]
        if rule.max_active and self._active[tenant] >= rule.max_active:
            return NOT_BY_TIME
        return self._rate_from_ms(starts, rule.rate)

    def _rate_from_ms(self, starts: Sequence[int], rate: Rate) -> float:
        """Return when a rate lets one more start; a clock set back must not stop it for as long."""
        if not rate.max or len(starts) < rate.max:
            return 0
        since_ms = starts[-rate.max]
        return since_ms + rate.per_ms if since_ms - self._now_ms < rate.per_ms else 0

    def _rule(self, tenant: str) -> TenantRule:
        return self._rules.get(tenant, self._settings.tenant)


def _first(moments: Iterable[float]) -> int:
    return int(min(moments, default=0))
