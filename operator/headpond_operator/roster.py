"""Which QueueConfig counts for which queue, and what stands against the others. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from headpond.errors import ConfigInvalid
from headpond.scaling import Mode
from headpond_operator.manifests import deployment_key, own_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from headpond.config import QueueConfig
    from headpond.scaling import Policy
    from headpond_operator.cluster import Cluster
    from headpond_operator.objects import Declared, Key, Rival


class Merge(Protocol):
    """Lays a document over what code says of its queue; may raise `ConfigInvalid`."""

    def __call__(self, document: QueueConfig) -> QueueConfig:
        """Return the effective configuration."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """One QueueConfig and its place among the others."""

    declared: Declared
    config: QueueConfig | None
    """In force; `None`: nothing is."""
    policy: Policy | None
    """For the governor; with a rival it decides and writes nothing."""
    target: Key
    """The Deployment that it scales."""
    is_foreign: bool
    """The Deployment is somebody else's."""
    fault: str = ""
    """What is wrong with the spec."""
    older: Key | None = None
    """Another QueueConfig that has this queue or this Deployment already."""
    shared: str = ""
    """What it has: `queue mail`, `Deployment mailer`."""
    rival: Rival | None = None
    """Another autoscaler on the same Deployment."""

    @property
    def counts(self) -> bool:
        """Whether this one declares its queue."""
        return self.config is not None and self.older is None


class Roster:
    """All QueueConfigs, sorted out. A policy that has not changed stays the very same object."""

    def __init__(self, cluster: Cluster, merge: Merge) -> None:
        """Read `cluster` whenever it has another edition."""
        self._cluster = cluster
        self._merge = merge
        self._edition = -1
        self._merged: dict[Key, tuple[QueueConfig, QueueConfig | None, str, Policy | None]] = {}
        self._rivals: dict[tuple[str, Key], Rival] = {}
        """By what they scale."""
        self.standings: Mapping[Key, Standing] = {}
        self.targeting: Mapping[Key, Sequence[Key]] = {}
        """The QueueConfigs that have to do with a Deployment: they scale it, or would make it."""
        self.by_queue: Mapping[str, Standing] = {}
        self.policies: Mapping[str, Policy] = {}

    def begin_anew(self) -> None:
        """Have the next `refresh` tell of everything."""
        self._edition = -1
        self.standings, self.targeting, self.by_queue, self.policies = {}, {}, {}, {}

    def refresh(self) -> bool:
        """Sort out anew if anything has changed; return whether it had."""
        if self._edition == self._cluster.edition:
            return False
        self._edition = self._cluster.edition
        self._rivals = {(r.target_kind, r.target): r for r in self._cluster.rivals.values()}
        oldest = sorted(self._cluster.queues.values(), key=lambda d: (d.created, d.uid))
        self.standings = self._sort_out(oldest)
        self._merged = {key: self._merged[key] for key in self.standings if key in self._merged}
        self.targeting = _targeting(self.standings.values())
        self.by_queue = {
            each.config.queue: each
            for each in self.standings.values()
            if each.counts and each.config is not None
        }
        self.policies = {
            queue: each.policy for queue, each in self.by_queue.items() if each.policy is not None
        }
        return True

    def _sort_out(self, oldest: Iterable[Declared]) -> dict[Key, Standing]:
        taken: dict[tuple[str, object], Key] = {}
        standings = {}
        for declared in oldest:
            standing = self._standing(declared)
            claims = _claims(standing)
            had = next((claim for claim in claims if claim in taken), None)
            if had is None:
                taken |= dict.fromkeys(claims, declared.key)
            else:  # without effect, it is in nobody's way either
                what, claim = had
                name = claim if what == "queue" else standing.target.name
                standing = replace(standing, older=taken[had], shared=f"{what} {name}")
            standings[declared.key] = standing
        return standings

    def _standing(self, declared: Declared) -> Standing:
        config, fault, policy = self._merge_of(declared)
        target = deployment_key(declared)
        worker = declared.config.spec.worker if declared.config else None
        standing = Standing(
            declared=declared,
            config=config,
            policy=policy,
            target=target,
            is_foreign=bool(worker and worker.target_ref),
            fault=declared.fault or fault,
            rival=self._rival(declared, target),
        )
        if standing.rival is None or policy is None:
            return standing
        return replace(standing, policy=self._withheld(declared.key, policy))

    def _merge_of(self, declared: Declared) -> tuple[QueueConfig | None, str, Policy | None]:
        if declared.config is None:
            return None, "", None
        known = self._merged.get(declared.key)
        if known is None or known[0] is not declared.config:
            known = self._merged[declared.key] = (declared.config, *self._try(declared.config))
        return known[1], known[2], known[3]

    def _try(self, document: QueueConfig) -> tuple[QueueConfig | None, str, Policy | None]:
        try:
            config = self._merge(document)
            return config, "", config.spec.to_policy()
        except ConfigInvalid as error:
            return None, " ".join(f"{e.pointer}: {e.detail}" for e in error.errors[:3]), None

    def _withheld(self, key: Key, policy: Policy) -> Policy:
        """Return the policy that decides and writes nothing, the same object each time."""
        before = self.standings.get(key)
        withheld = replace(policy, mode=Mode.RECOMMEND)
        same = before is not None and before.policy == withheld
        return before.policy if same and before and before.policy else withheld

    def _rival(self, declared: Declared, target: Key) -> Rival | None:
        mode = declared.config.spec.scaling.mode if declared.config else ""
        ways = {  # and the mode in which that way is open to others
            ("Deployment", target): Mode.RECOMMEND,
            ("QueueConfig", declared.key): Mode.MANUAL,
        }
        found = (self._rivals.get(way) for way, open_in in ways.items() if mode != open_in)
        return next((each for each in found if each is not None), None)


def _targeting(standings: Iterable[Standing]) -> Mapping[Key, Sequence[Key]]:
    found: dict[Key, list[Key]] = {}
    for each in standings:
        for target in {each.target, own_key(each.declared)}:
            found.setdefault(target, []).append(each.declared.key)
    return found


def _claims(standing: Standing) -> list[tuple[str, object]]:
    if standing.config is None:
        return []
    return [("queue", standing.config.queue), ("Deployment", standing.target)]
