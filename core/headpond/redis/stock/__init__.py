"""What waits in the brokers of stock taskiq-redis 1.2, to be taken over: a list, a stream."""

from headpond.redis.stock.connection import Connection
from headpond.redis.stock.lists import ListSource
from headpond.redis.stock.source import Entry, Left, Source
from headpond.redis.stock.streams import StreamSource

__all__ = ["Connection", "Entry", "Left", "ListSource", "Source", "StreamSource"]
