"""What `headpond import taskiq-redis` was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from headpond.errors import ConfigInvalid, FieldError
from headpond.queues import check_queue_name


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    url: str = field(repr=False)
    broker: str
    queue_name: str
    group: str
    queue: str
    dry_run: bool
    keep: bool
    batch: int
    alive_s: float

    def __post_init__(self) -> None:
        """Refuse what the parts say together."""
        check_queue_name(self.queue)
        if self.keep and self.broker == "list":
            detail = (
                "A list has no other way to say that a message is done than to remove it: leave"
                " --keep out, or copy the list first (COPY in redis-cli)."
            )
            raise ConfigInvalid([FieldError("/--keep", detail)])
