"""The start-up gate: a Redis that would lose jobs is refused with one sentence."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from headpond.errors import HeadpondError, StoreFull, StoreUnavailable, StoreUnfit
from headpond.redis.keys import trial_key

if TYPE_CHECKING:
    from headpond.redis.client import Client

logger = logging.getLogger(__name__)

OLDEST: Final = (6, 2, 0)
"""ZMSCORE, `LIMIT` and cmsgpack as the scripts use them; the embedded server's version too."""

TRIAL_S: Final = 10
"""The word written as a trial goes by itself after this, should its removal get lost."""

_VERSION: Final = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", re.ASCII)


async def check(client: Client) -> None:
    """Raise `StoreUnfit` when this Redis must not hold jobs, `StoreUnavailable` if not now."""
    info = _parsed(await client.command(("INFO",)))
    _check_version(info.get("redis_version", ""))
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise StoreUnfit(
            f"Redis may evict jobs: maxmemory-policy is {policy!r}; set it to 'noeviction'."
        )
    if info.get("role") == "slave":
        raise StoreUnfit(
            "This Redis is a replica and takes no writes; give the address of the primary."
        )
    await _check_writes(client)
    await _look_at_disk(client)


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


def _check_version(text: str) -> None:
    version = version_of(text)
    wanted = ".".join(map(str, OLDEST))
    if version is None:
        raise StoreUnfit(
            f"Redis says no version that can be read ({text!r}): {wanted} or newer is needed."
        )
    if version < OLDEST:
        raise StoreUnfit(f"Redis {text} is too old: {wanted} or newer is needed.")


async def _check_writes(client: Client) -> None:
    key = trial_key(client.namespace)
    try:
        await client.pipeline([("SET", key, "1", "EX", TRIAL_S), ("DEL", key)])
    except StoreFull as error:
        logger.warning("%s", error)  # not refused: what starts now is how it gets emptier


async def _look_at_disk(client: Client) -> None:
    """Warn when a restart of Redis would lose every job; hosts that forbid to ask see to it."""
    try:
        (_, appends), (_, saves) = await client.pipeline(
            [("CONFIG", "GET", "appendonly"), ("CONFIG", "GET", "save")]
        )
    except StoreUnavailable:
        raise
    except (HeadpondError, ValueError):
        return
    if appends == b"no" and not saves:
        logger.warning(
            "Redis keeps nothing on disk, so its restart loses every job:"
            " set appendonly to yes, or save to an interval."
        )


def _parsed(info: Any) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode().splitlines() if ":" in line)
    return {name: value for name, _, value in lines}
