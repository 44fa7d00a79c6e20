"""What limits let start, and how fairly tenants take turns, by the contract's words."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from headpond.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from headpond.jobs import JobId
    from headpond.queues import QueueSettings, Rate, TenantRule
    from model_job import Lane, ModelJob

QUEUE: Final = "/"
"""Stands for the queue as a whole among the tenants: no tenant can be called so."""
SLACK: Final = 2.0
"""Turns by which a store may differ from the ideal: ties, and the one that is under way."""


class Limits:
    """Settings, and everything that was ever started under them.

    A rate is asked in two ways. `strictly` it counts what was started since it is in force; if that
    is too much, the store was wrong to start one more. Otherwise it counts everything; if that is
    little enough, the store was wrong not to.
    """

    def __init__(self, settings: QueueSettings, tenants: Sequence[str]) -> None:
        """Begin with nothing started."""
        self.settings = settings
        self._tenants = tenants
        self._starts: list[tuple[int, str]] = []
        self._since: defaultdict[str, int] = defaultdict(int)
        self.weights: defaultdict[str, set[int]] = defaultdict(set)
        """All that a tenant ever had."""
        self.spans: set[int] = set()
        """Of every rate that ever was in force."""
        self.limited: set[str] = set()
        """Tenants that ever had a limit: their jobs may stand aside until somebody claims."""
        self.configure(settings)

    def configure(self, settings: QueueSettings) -> None:
        """Go by these settings from now on."""
        old = {tenant: self._rate(tenant) for tenant in (QUEUE, *self._tenants)}
        self.settings = settings
        for tenant, rate in old.items():
            if self._rate(tenant) != rate:
                self._since[tenant] = len(self._starts)
        rates = [self._rate(name) for name in (QUEUE, *self._tenants)]
        self.spans |= {rate.per_ms for rate in rates if rate.max}
        for tenant in self._tenants:
            self.weights[tenant].add(self.rule(tenant).weight)
            if self.rule(tenant).is_limit:
                self.limited.add(tenant)

    def rule(self, tenant: str) -> TenantRule:
        """Return what is in force for a tenant."""
        return dict(self.settings.tenants).get(tenant, self.settings.tenant)

    def started(self, tenant: str, now_ms: int) -> None:
        """Note a claim; it counts whatever becomes of it."""
        self._starts.append((now_ms, tenant))

    def permits(
        self, name: str, jobs: Mapping[JobId, ModelJob], now_ms: int, *, strictly: bool
    ) -> bool:
        """Whether one more job of the tenant (or `QUEUE`) may start, as far as it is concerned."""
        return self.has_room(jobs, name) and self._rate_permits(name, now_ms, strictly=strictly)

    def has_room(self, jobs: Mapping[JobId, ModelJob], name: str) -> bool:
        """Whether one more job may be active."""
        most = self.settings.max_active if name == QUEUE else self.rule(name).max_active
        active = [job for job in jobs.values() if job.state is JobState.ACTIVE]
        return not 0 < most <= sum(name in (QUEUE, job.tenant) for job in active)

    def free_again_ms(self, name: str) -> int:
        """Return when a rate that is used up lets one more start; 0 without a rate."""
        rate = self._rate(name)
        starts = [at for at, tenant in self._starts if name in (QUEUE, tenant)]
        return starts[-rate.max] + rate.per_ms if 0 < rate.max <= len(starts) else 0

    def _rate(self, tenant: str) -> Rate:
        return self.settings.rate if tenant == QUEUE else self.rule(tenant).rate

    def _rate_permits(self, tenant: str, now_ms: int, *, strictly: bool) -> bool:
        rate = self._rate(tenant)
        starts = self._starts[self._since[tenant] if strictly else 0 :]
        recent = sum(at > now_ms - rate.per_ms and tenant in (QUEUE, name) for at, name in starts)
        return not 0 < rate.max <= recent


class Turns:
    """How many jobs of another tenant start while a tenant's next job waits for its turn.

    The contract's tags make that at most the ratio of their weights and one; a place in a lane that
    was given up (cancelled, moved) costs its tenant a turn. Jobs that came back to a place from
    before are not counted: they take turns that were theirs.
    """

    def __init__(self, limits: Limits) -> None:
        """Begin with no turn taken."""
        self._limits = limits
        self._waits: dict[ModelJob, Counter[str]] = {}
        self._given_up: Counter[Lane] = Counter()

    def gave_up(self, job: ModelJob) -> None:
        """Note that a waiting job left its lane without a start."""
        self._given_up[job.lane] += 1

    def took(self, job: ModelJob, heads: Iterable[ModelJob]) -> None:
        """Check a start against the next jobs of other lanes that could have started."""
        waits = {head: self._waits.get(head, Counter[str]()) for head in heads}
        self._waits = waits
        if job.is_back:
            return
        for head in heads:
            if head.priority == job.priority and head.tenant != job.tenant:
                seen = waits[head]
                seen[job.tenant] += 1
                most = self._bound(head.lane, job.tenant)
                assert seen[job.tenant] <= most, (
                    f"{head.id} of {head.tenant!r} waits for its turn while {seen[job.tenant]} jobs"
                    f" of {job.tenant!r} start; {most:.1f} would be fair"
                )

    def _bound(self, lane: Lane, other: str) -> float:
        mine, theirs = self._limits.weights[lane[1]], self._limits.weights[other]
        return (1 + self._given_up[lane]) * max(theirs) / min(mine) + SLACK
