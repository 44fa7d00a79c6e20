"""What a Redis says of itself, judged: a table of servers and sentences."""

from __future__ import annotations

import pytest

from headpond.findings import Severity
from headpond.redis.verdicts import Facts, judge, version_of

SOUND = {
    "redis_version": "7.4.1",
    "redis_mode": "standalone",
    "role": "master",
    "connected_slaves": "1",
    "maxmemory_policy": "noeviction",
    "maxmemory": "0",
    "used_memory": "1048576",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
}


def found(name: str, *, ahead_ms: int = 0, is_cluster: bool = False, **info: str) -> str:
    """Return severity and sentence of one rule for a sound server that differs so."""
    config = {"save": "", "appendfsync": info.pop("appendfsync", "everysec")}
    facts = Facts({**SOUND, **info}, config, ahead_ms, is_cluster_wanted=is_cluster)
    (finding,) = (each for each in judge(facts) if each.name == name)
    return f"{finding.severity}: {finding.sentence}"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("7.0.15", (7, 0, 15)),
        ("7.4.0-rc1", (7, 4, 0)),
        ("7.2", (7, 2, 0)),
        ("8", (8, 0, 0)),
        ("6.2.6-v9-enterprise", (6, 2, 6)),
        ("255.255.255", (255, 255, 255)),
        ("unstable", None),
        ("", None),
    ],
)
def test_versions_are_read_as_they_are_written(
    text: str, version: tuple[int, int, int] | None
) -> None:
    """Candidates and distributions add words of their own."""
    assert version_of(text) == version


def test_a_sound_server_has_nothing_but_good() -> None:
    """Every rule speaks, and none of a fault."""
    findings = judge(Facts(SOUND, {"save": "", "appendfsync": "always"}))
    assert {finding.severity for finding in findings} == {Severity.OK}
    assert len({finding.name for finding in findings}) == len(findings)


@pytest.mark.parametrize(
    ("name", "info", "said"),
    [
        ("version", {"redis_version": "6.0.16"}, "refuse: Redis 6.0.16 is too old: 6.2.0 or newer"),
        ("version", {"redis_version": "unstable"}, "refuse: Redis says no version that can be"),
        ("version", {"valkey_version": "8.1.1"}, "ok: Valkey 8.1.1."),
        ("mode", {"redis_mode": "sentinel"}, "refuse: This is a sentinel, which holds no jobs"),
        ("mode", {"redis_mode": "cluster"}, "refuse: This Redis is a node of a Cluster"),
        ("mode", {"is_cluster": True}, "refuse: The address says redis+cluster://, and this"),
        ("mode", {"is_cluster": True, "redis_mode": "cluster"}, "ok: A node of a Redis Cluster."),
        (
            "role",
            {"role": "slave", "master_host": "db1", "master_port": "6379"},
            "refuse: This Redis is a replica and takes no writes; give the address of the primary",
        ),
        ("role", {}, "ok: The primary, with 1 replica."),
        (
            "eviction",
            {"maxmemory_policy": "volatile-lru"},
            "refuse: Redis may evict jobs: maxmemory-policy is 'volatile-lru'; set it to",
        ),
        ("memory", {}, "ok: 1.0 MiB are used; maxmemory is not set."),
        ("memory", {"maxmemory": "104857600"}, "ok: 1.0 MiB of 100.0 MiB are used."),
        ("memory", {"maxmemory": "1048576"}, "warn: 1.0 MiB of 1.0 MiB are used: when maxmemory"),
        ("persistence", {"aof_enabled": "0"}, "warn: Redis keeps nothing on disk"),
        ("persistence", {"aof_last_write_status": "err"}, "warn: Redis could not write its"),
        ("persistence", {"appendfsync": "always"}, "ok: Each write is on the disk before"),
        ("clock", {"ahead_ms": 4_999}, "ok: Redis' clock and this machine's are 5.0 s apart."),
        ("clock", {"ahead_ms": 3_600_000}, "warn: Redis' clock is 3,600 s ahead of this machine's"),
        ("clock", {"ahead_ms": -7_000}, "warn: Redis' clock is 7 s behind this machine's"),
    ],
)
def test_each_rule_says_what_is_wrong_and_what_to_do(
    name: str, info: dict[str, str], said: str
) -> None:
    """One sentence for each."""
    assert found(name, **info).startswith(said)  # type: ignore[arg-type]


def test_a_clock_that_is_behind_makes_jobs_late_and_one_ahead_early() -> None:
    """A run_at that was reckoned here is compared with Redis' clock."""
    assert "comes by so much too early" in found("clock", ahead_ms=60_000)
    assert "comes by so much too late" in found("clock", ahead_ms=-60_000)


def test_snapshots_are_said_to_be_less_than_a_log() -> None:
    """No warning: somebody has configured them."""
    facts = Facts({**SOUND, "aof_enabled": "0"}, {"save": "900 1"})
    (finding,) = (each for each in judge(facts) if each.name == "persistence")
    assert finding.severity is Severity.OK
    assert finding.sentence.startswith("Snapshots only")


def test_what_may_not_be_asked_is_not_known_rather_than_wrong() -> None:
    """Hosts of Redis forbid CONFIG and see to the disk."""
    (finding,) = (
        each for each in judge(Facts({**SOUND, "aof_enabled": "0"})) if each.name == "persistence"
    )
    assert finding.severity is Severity.OK
    assert finding.sentence.startswith("Not known")
