"""The store in dicts of one process: for tests, and the twin that keeps the Redis store honest."""

from headpond.memory.store import MemoryQueueStore

__all__ = ["MemoryQueueStore"]
