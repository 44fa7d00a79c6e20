"""Care of queues in Redis: settings, holds, draining, clearing, the governor's memory."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from headpond.errors import Invalid, StoreUnfit
from headpond.jobs import JobState
from headpond.queues import QueueSettings, Rate, Retention, TenantRule
from headpond.redis.keys import control_channel, queues_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.queues import Hold, HoldSource
    from headpond.redis.client import Client
    from headpond.redis.scripts import Script

KEPT_DECISIONS: Final = 100
LAYOUT: Final = b"2"
"""Of a queue's columns; `configure.lua` writes it when it makes a queue."""


class Care:
    """Configure, hold, drain, clear, record."""

    def __init__(self, client: Client) -> None:
        """Keep the connection."""
        self._client = client

    # ── settings ──

    async def configure(self, queue: str, settings: QueueSettings) -> int:
        """Put the settings into force and the queue on the list."""
        client = self._client
        channel = control_channel(client.namespace, queue)
        rules = _rules(settings)
        command = (
            *client.head("configure", queue),
            client.now(),
            secrets.token_hex(8),
            channel,
            _shares(settings),
            len(rules),
            *(part for rule in rules for part in rule),
            *_fields(settings),
        )
        listed = (queues_key(client.namespace), queue)
        known, is_listed = await client.pipeline(
            [("HMGET", client.key(queue, "meta"), "epoch", "layout"), ("SISMEMBER", *listed)]
        )
        _check_layout(queue, *known)
        version = await client.command(command)
        if not is_listed:
            await client.command(("SADD", *listed))
        return int(version)

    async def settings(self, queue: str) -> QueueSettings | None:
        """Return the settings in force."""
        names = [*_fields(QueueSettings())[::2], "version", "layout"]
        key = self._client.key(queue, "meta")
        values = await self._client.command(("HMGET", key, *names))
        said = dict(zip(names, values, strict=True))
        if said["version"] is None:
            return None
        _check_layout(queue, said["version"], said["layout"])
        return QueueSettings(
            max_active=int(said["max_active"]),
            max_deliveries=int(said["max_deliveries"]),
            lease_ms=int(said["lease_ms"]),
            completed=Retention(int(said["completed_age_ms"]), int(said["completed_count"])),
            failed=Retention(int(said["failed_age_ms"]), int(said["failed_count"])),
            rate=Rate(int(said["rate_max"]), int(said["rate_per_ms"])),
            **_read_tenants(said["tenants"]),
            durability=said["durability"].decode(),
            document=said["document"].decode(),
            version=int(said["version"]),
        )

    async def forget(self, queue: str) -> None:
        """Take the queue off the list; its jobs stay."""
        await self._client.command(("SREM", queues_key(self._client.namespace), queue))

    # ── holds ──

    async def hold(self, queue: str, hold: Hold) -> None:
        """Start no more jobs."""
        said = {"by": hold.by, "reason": hold.reason, "since_ms": hold.since_ms}
        await self._held(queue, hold.source, json.dumps(said), hold.until_ms)

    async def resume(self, queue: str, source: HoldSource) -> bool:
        """Lift the hold of one source."""
        return await self._held(queue, source, "", 0)

    async def _held(self, queue: str, source: HoldSource, said: str, until_ms: int) -> bool:
        channel = control_channel(self._client.namespace, queue)
        had = await self._client.run("hold", queue, source, said, until_ms, channel)
        return bool(had)

    # ── jobs, many at once ──

    async def clear(self, queue: str, states: Sequence[JobState]) -> int:
        """Remove the jobs of these states, 1,000 a step, so that no step blocks Redis for long."""
        if JobState.ACTIVE in states:
            raise Invalid("Active jobs can't be cleared: hold the queue and wait for their end.")
        removed = 0
        for state in states:
            removed += await self._clear(queue, state)
        return removed

    async def _clear(self, queue: str, state: JobState) -> int:
        client = self._client
        there = await client.command(("ZCARD", client.key(queue, state.value)))
        if state is JobState.WAITING:
            there += await client.command(("HLEN", client.key(queue, "aside_at")))
        head = _head_for_state(client.scripts["clear"], client, queue, state)
        removed = 0
        while removed < there:  # what is enqueued meanwhile is not meant
            step = await client.command((*head, client.now(), state.value))
            removed += step
            if not step:
                break
        return removed

    # ── workers ──

    async def drain(self, queue: str, workers: Sequence[str]) -> None:
        """Mark workers as draining, and tell them."""
        await self._mark(queue, "1", workers)

    async def undrain(self, queue: str, workers: Sequence[str]) -> None:
        """Take the marks away, and tell them."""
        await self._mark(queue, "", workers)

    async def _mark(self, queue: str, how: str, workers: Sequence[str]) -> None:
        if workers:
            channel = control_channel(self._client.namespace, queue)
            await self._client.run("drain", queue, channel, how, *workers)

    # ── the governor ──

    async def set_wake(self, queue: str, backlog: int) -> None:
        """Leave the mark that the next enqueue over it announces."""
        await self._client.run("mark", queue, backlog)

    async def record(self, queue: str, decision: str) -> None:
        """Keep a decision."""
        await self._client.run("record", queue, decision, KEPT_DECISIONS)

    async def decisions(self, queue: str, limit: int) -> list[str]:
        """Return the newest decisions."""
        if limit <= 0:
            return []
        key = self._client.key(queue, "decisions")
        found = await self._client.command(("LRANGE", key, 0, limit - 1))
        return [each.decode() for each in found]


def _fields(settings: QueueSettings) -> list[str | int]:
    return [
        "max_active", settings.max_active,
        "max_deliveries", settings.max_deliveries,
        "lease_ms", settings.lease_ms,
        "completed_age_ms", settings.completed.age_ms,
        "completed_count", settings.completed.count,
        "failed_age_ms", settings.failed.age_ms,
        "failed_count", settings.failed.count,
        "rate_max", settings.rate.max,
        "rate_per_ms", settings.rate.per_ms,
        "tenants", json.dumps(_rules(settings)),
        "durability", settings.durability,
        "document", settings.document,
    ]  # fmt: skip


def _head_for_state(
    script: Script, client: Client, queue: str, state: JobState
) -> tuple[str | int, ...]:
    columns = (state.value if column == "state" else column for column in script.columns)
    keys = (client.key(queue, column) for column in columns)
    return ("EVALSHA", script.sha, len(script.columns), *keys)


def _check_layout(queue: str, made: bytes | None, layout: bytes | None) -> None:
    """Refuse a queue that another version of Headpond has laid out: its jobs can't be read."""
    if made is not None and layout != LAYOUT:
        found = "an older version" if layout is None else f"a version with layout {layout.decode()}"
        raise StoreUnfit(
            f"Queue {queue!r} was made by {found} of Headpond, and this one can't read its jobs:"
            " let that version finish them, then remove the queue's keys."
        )


def _rules(settings: QueueSettings) -> list[tuple[str, str]]:
    """Return each tenant's rule as the scripts read it; `*` is everybody else's."""
    return [("*", _rule(settings.tenant)), *((t, _rule(rule)) for t, rule in settings.tenants)]


def _rule(rule: TenantRule) -> str:
    return f"{rule.weight}|{rule.max_active}|{rule.rate.max}|{rule.rate.per_ms}"


def _shares(settings: QueueSettings) -> str:
    """Return what of the rules the scripts must look at: w the weights, l the limits."""
    rules = [settings.tenant, *(rule for _, rule in settings.tenants)]
    weights = "w" if any(rule.weight != 1 for rule in rules) else ""
    return weights + ("l" if any(rule.is_limit for rule in rules) else "")


def _read_tenants(packed: bytes) -> dict[str, Any]:
    rules = {tenant: _read_rule(rule) for tenant, rule in json.loads(packed)}
    default = rules.pop("*")
    return {"tenant": default, "tenants": tuple(rules.items())}


def _read_rule(text: str) -> TenantRule:
    weight, most, rate, per_ms = (int(part) for part in text.split("|"))
    return TenantRule(weight, most, Rate(rate, per_ms))
