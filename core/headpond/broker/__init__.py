"""taskiq on a Headpond queue: the only room of the core that knows taskiq (and its word *task*)."""

from headpond.broker.broker import HeadpondBroker

__all__ = ["HeadpondBroker"]
