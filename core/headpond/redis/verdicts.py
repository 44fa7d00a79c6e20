"""What a Redis says of itself, judged: one rule, one function, one sentence. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headpond.findings import Finding, fine, refusal, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OLDEST: Final = (6, 2, 0)
"""ZMSCORE, `LIMIT` and cmsgpack as the scripts use them; the embedded server's version too."""

APART_MS: Final = 5_000
"""Clocks further apart than this mislead people; a machine that keeps time is within 50 ms."""

NEARLY_FULL: Final = 0.9
"""Of maxmemory: at the usual pace of a backlog that is the last moment to hear of it."""

GOOD_POLICY: Final = "noeviction"

_VERSION: Final = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was asked of one server; what it did not say is `None` or missing."""

    info: Mapping[str, str]
    """The lines of INFO."""
    config: Mapping[str, str] | None = None
    """`appendonly`, `save` and `appendfsync`; `None` where the configuration may not be read."""
    ahead_ms: int = 0
    """How far Redis' clock is before this process', less the time that the answer took."""
    is_cluster_wanted: bool = False
    """The address says that this is a node of a Redis Cluster."""


def judge(facts: Facts) -> list[Finding]:
    """Apply every rule."""
    return [rule(facts) for rule in RULES]


def version_of(text: str) -> tuple[int, int, int] | None:
    """Return the numbers that a version begins with, `None` when it begins with another thing.

    >>> version_of("7.4.0-rc1")
    (7, 4, 0)
    """
    found = _VERSION.match(text)
    if found is None:
        return None
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch


def version(facts: Facts) -> Finding:
    """Refuse a server that lacks what the scripts use."""
    text = facts.info.get("redis_version", "")
    said = version_of(text)
    wanted = ".".join(map(str, OLDEST))
    if said is None:
        return refusal(
            "version",
            f"Redis says no version that can be read ({text!r}): {wanted} or newer is needed.",
        )
    if said < OLDEST:
        return refusal("version", f"Redis {text} is too old: {wanted} or newer is needed.")
    valkey = facts.info.get("valkey_version")
    return fine("version", f"Valkey {valkey}." if valkey else f"Redis {text}.")


def mode(facts: Facts) -> Finding:
    """Refuse a server that is made otherwise than the address says."""
    said = facts.info.get("redis_mode") or facts.info.get("server_mode", "standalone")
    if said == "sentinel":
        return refusal(
            "mode",
            "This is a sentinel, which holds no jobs: write redis+sentinel://host:26379/0"
            "?master=NAME, or give the primary's own address.",
        )
    if said == "cluster" and not facts.is_cluster_wanted:
        return refusal(
            "mode",
            "This Redis is a node of a Cluster: write redis+cluster:// instead of redis://"
            " (rediss+cluster:// for TLS).",
        )
    if said != "cluster" and facts.is_cluster_wanted:
        return refusal(
            "mode",
            "The address says redis+cluster://, and this Redis is no node of a Cluster:"
            " write redis://, or start it with cluster-enabled.",
        )
    return fine("mode", "A node of a Redis Cluster." if said == "cluster" else "A single server.")


def role(facts: Facts) -> Finding:
    """Refuse a replica."""
    if facts.info.get("role") == "slave":
        primary = f"{facts.info.get('master_host', '?')}:{facts.info.get('master_port', '?')}"
        return refusal(
            "role",
            "This Redis is a replica and takes no writes; give the address of the primary"
            f" ({primary}).",
        )
    replicas = facts.info.get("connected_slaves", "0")
    return fine("role", f"The primary, with {replicas} replica{'' if replicas == '1' else 's'}.")


def eviction(facts: Facts) -> Finding:
    """Refuse a server that may drop jobs when its memory is full."""
    policy = facts.info.get("maxmemory_policy", GOOD_POLICY)
    if policy != GOOD_POLICY:
        return refusal(
            "eviction",
            f"Redis may evict jobs: maxmemory-policy is {policy!r}; set it to {GOOD_POLICY!r}.",
        )
    return fine("eviction", f"maxmemory-policy is {GOOD_POLICY!r}: no job is evicted.")


def memory(facts: Facts) -> Finding:
    """Warn of a server that will soon take no more jobs."""
    limit = int(facts.info.get("maxmemory", 0))
    used = int(facts.info.get("used_memory", 0))
    if not limit:
        return fine("memory", f"{_size(used)} are used; maxmemory is not set.")
    share = used / limit
    said = f"{_size(used)} of {_size(limit)} are used"
    if share >= NEARLY_FULL:
        return warning(
            "memory",
            f"{said}: when maxmemory is reached, new jobs are refused (running ones can end);"
            " raise it, or let workers catch up.",
        )
    return fine("memory", f"{said}.")


def persistence(facts: Facts) -> Finding:
    """Warn when a restart of Redis would lose every job; many hosts forbid to ask."""
    info, config = facts.info, facts.config
    if info.get("aof_enabled") == "1":
        return _log(facts)
    if config is None:
        return fine(
            "persistence",
            "Not known: this login may not read Redis' configuration; its host sees to the disk.",
        )
    if not config.get("save"):
        return warning(
            "persistence",
            "Redis keeps nothing on disk, so its restart loses every job:"
            " set appendonly to yes, or save to an interval.",
        )
    if info.get("rdb_last_bgsave_status") == "err":
        return warning(
            "persistence",
            "Redis could not save its data the last time; look into its log and at its disk.",
        )
    return fine(
        "persistence",
        "Snapshots only: a crash loses the jobs since the last one; appendonly yes keeps them.",
    )


def clock(facts: Facts) -> Finding:
    """Warn when people will be misled by two clocks."""
    apart_s = abs(facts.ahead_ms) / 1000
    if abs(facts.ahead_ms) <= APART_MS:
        return fine("clock", f"Redis' clock and this machine's are {apart_s:.1f} s apart.")
    where = "ahead of" if facts.ahead_ms > 0 else "behind"
    return warning(
        "clock",
        f"Redis' clock is {apart_s:,.0f} s {where} this machine's. Queues go by Redis' alone, so"
        " nothing is lost; but a run_at that was reckoned here comes by so much"
        f" {'too early' if facts.ahead_ms > 0 else 'too late'}, and times in logs don't match:"
        " let both machines keep time (NTP).",
    )


RULES: Final[tuple[Callable[[Facts], Finding], ...]] = (
    version,
    mode,
    role,
    eviction,
    memory,
    persistence,
    clock,
)
"""In the order in which they are told: what makes the others pointless comes first."""


def _log(facts: Facts) -> Finding:
    info, config = facts.info, facts.config or {}
    if "err" in {info.get("aof_last_write_status"), info.get("aof_last_bgrewrite_status")}:
        return warning(
            "persistence",
            "Redis could not write its append-only file the last time; look at its disk.",
        )
    sync = config.get("appendfsync", "")
    told = {
        "always": "Each write is on the disk before it is answered (appendfsync always).",
        "everysec": "The log is on the disk within a second or two (appendfsync everysec).",
        "no": "The log is on the disk when the system likes (appendfsync no).",
    }
    return fine("persistence", told.get(sync, "Redis keeps an append-only file."))


def _size(count: int) -> str:
    """Write bytes for people.

    >>> _size(3_500_000)
    '3.3 MiB'
    """
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):  # noqa: B007 (the unit at which it stops)
        if size < 1024:  # noqa: PLR2004 (by definition)
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
