"""The page on writing jobs shows code that works."""

from __future__ import annotations

import re
from typing import Any

from headpond import App
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings
from headpond.testing import ManualClock
from tree import ROOT


def example() -> dict[str, Any]:
    """Run what the page shows, one piece after the other, and return its names."""
    page = (ROOT / "docs/howto/write-jobs.md").read_text("utf-8")
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(code, names)  # noqa: S102 (our own page)
    return names


def test_the_example_runs() -> None:
    """What one copies declares the queue and the job type that the page speaks of."""
    app = example()["app"]
    assert isinstance(app, App)
    job_type = app.queues["invoices"].job_types["send-invoice"]
    assert job_type.pack({"invoice_id": 7}).body


async def test_the_calls_work() -> None:
    """Jobs, batch and schedules are in the store afterwards."""
    names = example()
    store = MemoryQueueStore(ManualClock())
    await store.configure("invoices", QueueSettings())
    names["app"].bind(store)
    await names["close_month"]([11, 12])
    await names["invoices"].declare_schedules()
    batch = await names["invoices"].batch_status("march")
    assert (batch.total, batch.added) == (2, 2)
    schedules = await names["invoices"].schedules()
    assert [each.name for each in schedules] == ["close-books", "reminder"]
    sample = (await store.sample(["invoices"]))["invoices"]
    assert (sample.waiting, sample.delayed) == (2, 3)
