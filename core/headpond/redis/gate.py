"""The start-up gate: a Redis that would lose jobs is refused with one sentence.

What it finds is `headpond check`'s as well (`findings`); a process that starts refuses what must be
refused and logs what is worth a warning (`check`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from headpond.clock import SystemClock
from headpond.errors import HeadpondError, StoreFull, StoreUnavailable, StoreUnfit
from headpond.findings import Finding, Severity, refusal, warning
from headpond.redis import rights
from headpond.redis.address import Kind
from headpond.redis.ear import Ear
from headpond.redis.keys import control_channel, wake_channel
from headpond.redis.topology import Topology
from headpond.redis.verdicts import GOOD_POLICY, Facts, judge, version_of
from headpond.redis.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headpond.ports import Clock
    from headpond.redis.address import Node
    from headpond.redis.client import Client
    from headpond.redis.places import Place

logger = logging.getLogger(__name__)

POLICY_EVERY_S: Final = 30.0
"""How often a running process looks whether Redis may evict meanwhile."""

EARS: Final = 3
"""Nodes of a cluster that are asked to listen, one after the other, until one is there."""

_QUESTIONS: Final[tuple[tuple[str, ...], ...]] = (
    ("INFO",),
    ("TIME",),
    *(("CONFIG", "GET", name) for name in ("appendonly", "save", "appendfsync")),
)

_DECIDING: Final = {"version", "mode", "role"}
"""When one of these is refused, the login has nothing to try here."""


async def check(client: Client) -> None:
    """Raise `StoreUnfit` when this Redis must not hold jobs, `StoreUnavailable` if not now."""
    found = await findings(client)
    refused = [finding.sentence for finding in found if finding.is_refusal]
    if refused:
        raise StoreUnfit(" ".join(refused))
    for finding in found:
        if finding.severity is Severity.WARN:
            logger.warning(
                "%s", finding.sentence, extra={"event": "redis-doubted", "finding": finding.name}
            )


async def findings(client: Client, clock: Clock | None = None) -> list[Finding]:
    """Look at every server of this Redis, and at what the login may do there.

    Raises `StoreUnavailable` when it can't be asked now, `StoreUnfit` when the login is refused.
    """
    clock = clock or SystemClock()
    found: list[Finding] = []
    servers = await _servers(client)
    away: list[StoreUnavailable] = []
    for where in servers:
        try:
            judged = await _looked_at(client, where, clock)
        except StoreUnavailable as error:
            away.append(error)
            continue
        found += judged if len(servers) == 1 else _of_node(str(where), judged)
    if len(away) == len(servers):
        raise away[0]
    found += [_away(error) for error in away]  # the queues of the others can be served all the same
    if not any(finding.is_refusal and finding.name in _DECIDING for finding in found):
        found += await _tried(client)
    said = {finding.name for finding in found if finding.severity is not Severity.OK}
    kept = (each for each in found if each.severity is not Severity.OK or each.name not in said)
    return list(dict.fromkeys(kept))


class PolicyWatch:
    """Notices at run time that Redis may evict jobs: somebody has changed its configuration."""

    def __init__(self, client: Client, every_s: float = POLICY_EVERY_S) -> None:
        """Look for the first time a while after the start, at which the gate has looked."""
        self._client = client
        self._every_s = every_s
        self._next_s = 0.0
        self._said = GOOD_POLICY

    async def look(self) -> None:
        """Ask now and then, and log a policy that is bad, or good again, once."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._next_s:
            return
        is_first, self._next_s = not self._next_s, now_s + self._every_s
        if is_first:
            return
        try:
            info = _parsed(await self._client.command(("INFO", "memory")))
        except HeadpondError:
            return  # away, or not to be asked: what comes next will say so
        policy = info.get("maxmemory_policy", GOOD_POLICY)
        if policy not in {self._said, GOOD_POLICY}:
            logger.error(
                "Redis may evict jobs from now on: maxmemory-policy became %r; set it to %r.",
                policy,
                GOOD_POLICY,
                extra={"event": "eviction-possible", "policy": policy},
            )
        elif policy != self._said:
            logger.warning(
                "maxmemory-policy is %r again: Redis evicts no more jobs.",
                policy,
                extra={"event": "eviction-over", "policy": policy},
            )
        self._said = policy


async def _servers(client: Client) -> list[Node | Place]:
    """Return where to ask: the one server, or each that serves a part of the cluster."""
    if client.address.kind is not Kind.CLUSTER:
        return [client.anywhere()]
    topology = Topology(client.address)
    await asyncio.to_thread(topology.look)
    return list(topology.primaries())


def _of_node(node: str, judged: Iterable[Finding]) -> list[Finding]:
    """Name the node where one of several has a fault; what is well is said once for all."""
    return [
        each if each.severity is Severity.OK else replace(each, sentence=f"{node}: {each.sentence}")
        for each in judged
    ]


async def _looked_at(client: Client, where: Node | Place, clock: Clock) -> list[Finding]:
    """Ask one server what it is."""
    before_ms = clock.now_ms()
    info, time, *config = await _answers(client, where, _QUESTIONS)
    after_ms = clock.now_ms()
    if isinstance(info, Exception):
        if not rights.refused_by(("INFO",), info):
            raise info
        login = client.address.username or "default"
        return [
            refusal(
                "rights",
                f"The login {login!r} may not use INFO, without which nobody knows whether this"
                f" Redis evicts jobs; give it: ACL SETUSER {login} +info",
            )
        ]
    facts = Facts(
        _parsed(info),
        _configured(config),
        _ahead_ms(time, before_ms, after_ms),
        is_cluster_wanted=client.address.kind is Kind.CLUSTER,
    )
    return judge(facts)


async def _tried(client: Client) -> list[Finding]:
    """Try what Headpond does with Redis; what was written is gone again."""
    refused: list[tuple[str, str]] = []
    found: list[Finding] = []
    for key, commands in rights.trials(client.namespace).items():
        try:
            replies = await _answers(client, client.place(key), commands)
        except StoreUnavailable as error:
            if client.address.kind is not Kind.CLUSTER:
                raise
            found.append(_away(error))
            continue
        for command, reply in zip(commands, replies, strict=True):
            refused += rights.refused_by(command, reply)
            if isinstance(reply, StoreFull):
                # Not refused: what starts now is how it gets emptier.
                found.append(warning("writing", str(reply)))
    for channel in (
        wake_channel(client.namespace),
        control_channel(client.namespace, rights.TRIAL),
    ):
        refused += await _deaf(client, channel)
    found.append(rights.verdict(client.namespace, client.address.username or "default", refused))
    return found


async def _deaf(client: Client, channel: str) -> list[tuple[str, str]]:
    """Say why a channel can't be heard; `[]` when it can."""
    where, tries = client.anywhere(), 0
    while True:
        tries += 1
        ear = Ear(client.address, where, channel)  # others may speak there just now
        try:
            await ear.connect()
        except StoreUnavailable:
            if client.address.kind is not Kind.CLUSTER or tries == EARS:
                raise
        except HeadpondError as error:
            lacks = rights.refused_by(("SUBSCRIBE",), error)
            if not lacks:
                raise
            return lacks
        else:
            return []
        finally:
            ear.close()


async def _answers(
    client: Client, where: Node | Place, commands: Sequence[tuple[Any, ...]]
) -> list[Any]:
    """Ask on a connection of its own, which asks for no rights but these; raise when it's away."""
    wire = Wire(client.address, where)
    try:
        replies = await wire.answers(commands)
    finally:
        wire.close()
    for reply in replies:
        if isinstance(reply, StoreUnavailable):
            raise reply
    return replies


def _away(error: StoreUnavailable) -> Finding:
    return warning("cluster", f"{error} The queues on it are not served meanwhile.")


def _parsed(info: Any) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode().splitlines() if ":" in line)
    return {name: value for name, _, value in lines}


def _configured(replies: list[Any]) -> dict[str, str] | None:
    """Return the configuration, `None` where it may not be read; hosts that forbid it see to it."""
    if not all(
        isinstance(reply, list) and len(reply) == len(("name", "value")) for reply in replies
    ):
        return None
    return {name.decode(): value.decode() for name, value in replies}


def _ahead_ms(time: Any, before_ms: int, after_ms: int) -> int:
    """Return how far Redis' clock is ahead of ours; the answer was made while we waited for it."""
    if isinstance(time, Exception):
        return 0
    theirs_ms = int(time[0]) * 1000 + int(time[1]) // 1000
    if theirs_ms > after_ms:
        return theirs_ms - after_ms
    return min(0, theirs_ms - before_ms)


__all__ = ["PolicyWatch", "check", "findings", "version_of"]
