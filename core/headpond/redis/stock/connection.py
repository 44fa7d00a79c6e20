"""The Redis of a stock broker: another one than ours, or the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headpond.errors import ConfigInvalid, FieldError, Invalid
from headpond.redis.address import Kind, parse
from headpond.redis.single import Single

if TYPE_CHECKING:
    from collections.abc import Sequence


class Connection:
    """Commands to that Redis; their errors are ours."""

    def __init__(self, url: str) -> None:
        """Connect lazily; raise `ConfigInvalid` for an address that can't be used."""
        try:
            self.address = parse(url)
        except ConfigInvalid as error:
            faults = [FieldError("/--from", each.detail) for each in error.errors]
            raise ConfigInvalid(faults) from error
        if self.address.kind is Kind.CLUSTER:
            detail = (
                "A queue of taskiq-redis lies in one node of a Cluster: give that node's own"
                " address, redis://host:port (redis-cli -c names it)."
            )
            raise ConfigInvalid([FieldError("/--from", detail)])
        self._routes = Single(self.address, [])

    @property
    def name(self) -> str:
        """Name the Redis, without its password."""
        return f"{self.address.nodes[0]}/{self.address.database}"

    async def ask(self, *command: Any) -> Any:
        """Send one command."""
        return await self._routes.command(command)

    async def ask_all(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send several in one write; the first error is raised."""
        replies = await self._routes.answers(commands) if commands else []
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    async def check_type(self, key: str, wanted: str) -> bool:
        """Return whether the key is there; raise `Invalid` when it holds something else."""
        found = (await self.ask("TYPE", key)).decode()
        if found == "none":
            return False
        if found != wanted:
            hint = f"; use --broker {found}" if found in {"list", "stream"} else ""
            raise Invalid(f"The key {key!r} at {self.name} is a {found}, not a {wanted}{hint}.")
        return True

    def close(self) -> None:
        """Close it."""
        self._routes.close()
