"""The store on Redis: the only room that speaks to it."""

from headpond.redis.store import RedisQueueStore

__all__ = ["RedisQueueStore"]
