"""The start-up gate: a Redis that would lose jobs is refused with one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from headpond.errors import StoreUnfit

if TYPE_CHECKING:
    from headpond.redis.client import Client

OLDEST: Final = (6, 2, 0)
"""ZMSCORE, `LIMIT` and cmsgpack as the scripts use them; the embedded server's version too."""


async def check(client: Client) -> None:
    """Raise `StoreUnfit` when this Redis must not hold jobs."""
    info = _parsed(await client.command(("INFO",)))
    version = tuple(int(part) for part in info.get("redis_version", "0").split(".")[:3])
    if version < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise StoreUnfit(
            f"Redis {info.get('redis_version')} is too old: {wanted} or newer is needed."
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise StoreUnfit(
            f"Redis may evict jobs: maxmemory-policy is {policy!r}; set it to 'noeviction'."
        )
    if info.get("role") == "slave":
        raise StoreUnfit(
            "This Redis is a replica and takes no writes; give the address of the primary."
        )


def _parsed(info: Any) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode().splitlines() if ":" in line)
    return {name: value for name, _, value in lines}
