"""Following a queue's settings: what can't be read lets no job through."""

from __future__ import annotations

import pytest

from headpond import App
from headpond.clock import SystemClock
from headpond.errors import Unavailable
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings


async def test_settings_of_another_version_are_never_taken_for_known() -> None:
    """Each enqueue fails, not just the first: the queue may be encrypted by now."""
    app, store = App("mill"), MemoryQueueStore(SystemClock())
    document = '{"jobs": {"encryptPayload": true, "priority": {"of": "tomorrow"}}}'
    await store.configure("grain", QueueSettings(document=document))
    app.bind(store)

    @app.queue("grain").job()
    async def grind(payload: str) -> None: ...

    for _ in range(2):
        with pytest.raises(Unavailable, match="'grain' can't be read here"):
            await grind.enqueue("rye")
    assert (await store.sample(["grain"]))["grain"].waiting == 0
