"""Which queues there are, what is set for them, and what the governor keeps with them."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from bench import names
from headpond.queues import QueueSettings, Rate, Retention, TenantRule

if TYPE_CHECKING:
    from bench import Bench
    from headpond.ports import QueueStore

EVERYTHING = QueueSettings(
    max_active=7,
    max_deliveries=5,
    lease_ms=30_000,
    completed=Retention(1, 2),
    failed=Retention(3, 0),
    rate=Rate(10, 60_000),
    tenant=TenantRule(2, 50, Rate(100, 1000)),
    tenants=(("acme", TenantRule(weight=1000)), ("b@c.d_e-f", TenantRule(1, 1, Rate(1, 10)))),
    durability="fast",
    document='{"apps": ["schöne", "\\u0000"], "n": 1e9}',
)


async def test_a_queue_exists_from_its_first_configure(store: QueueStore) -> None:
    """Before, nobody lists it and nothing is set."""
    assert await store.queues() == []
    assert await store.settings("line") is None
    assert await store.configure("line", EVERYTHING) == 1
    assert await store.queues() == ["line"]
    assert await store.settings("line") == replace(EVERYTHING, version=1)


async def test_queues_are_listed_sorted(store: QueueStore) -> None:
    """By name, each once."""
    for name in ("mango", "apple", "zebra", "apple", "a-1"):
        await store.configure(name, QueueSettings())
    assert await store.queues() == ["a-1", "apple", "mango", "zebra"]


async def test_equal_settings_keep_the_version(store: QueueStore) -> None:
    """Configuring again what is in force is no change, whatever version the caller holds."""
    assert await store.configure("line", QueueSettings()) == 1
    assert await store.configure("line", QueueSettings()) == 1
    assert await store.configure("line", QueueSettings(version=42)) == 1
    assert await store.settings("line") == QueueSettings(version=1)


async def test_each_change_counts_the_version_up(store: QueueStore) -> None:
    """Every field makes a difference, and going back is a change too."""
    fields = {field.name for field in dataclasses.fields(QueueSettings)} - {"version", "durability"}
    await store.configure("line", QueueSettings())
    version = 1
    for field in sorted(fields):
        changed = replace(QueueSettings(), **{field: getattr(EVERYTHING, field)})
        assert await store.configure("line", changed) == version + 1, field
        assert await store.configure("line", QueueSettings()) == version + 2, field
        version += 2


async def test_the_epoch_stays_with_the_queue(bench: Bench) -> None:
    """New settings and new jobs leave it; it is made once."""
    epoch = (await bench.sample()).epoch
    await bench.add("a")
    await bench.configure(max_active=3)
    assert (await bench.tick()).epoch == epoch


async def test_another_store_has_another_epoch(bench: Bench) -> None:
    """A queue that was made anew does not pass for the old one."""
    other = bench.another("other")
    await other.configure()
    assert (await other.sample()).epoch != (await bench.sample()).epoch


async def test_a_forgotten_queue_is_off_the_list(bench: Bench) -> None:
    """Its jobs stay, and are there when it is configured again."""
    await bench.add("a", "b")
    await bench.store.forget(bench.name)
    assert await bench.store.queues() == []
    await bench.store.forget(bench.name)
    await bench.configure()
    assert await bench.store.queues() == [bench.name]
    assert names(await bench.claim(5)) == ["a", "b"]


async def test_queues_share_nothing(bench: Bench) -> None:
    """Settings, jobs, totals and decisions of one are not the other's."""
    other = bench.another("line-2")
    await other.configure(max_active=1)
    await bench.add("a", "b", "c")
    await bench.store.record(bench.name, "{}")
    assert len(await bench.claim(5)) == 3
    assert (await other.sample()).added_total == 0
    assert await other.store.decisions(other.name, 5) == []


async def test_decisions_are_kept_newest_first(bench: Bench) -> None:
    """The last hundred, as they were given."""
    for number in range(105):
        await bench.store.record(bench.name, json.dumps({"to": number, "why": "älter"}))
    kept = await bench.store.decisions(bench.name, 1000)
    assert [json.loads(each)["to"] for each in kept] == list(range(104, 4, -1))
    assert json.loads(kept[0])["why"] == "älter"
    assert await bench.store.decisions(bench.name, 3) == kept[:3]


async def test_no_decisions_are_an_empty_list(bench: Bench) -> None:
    """Also when none are asked for."""
    assert await bench.store.decisions(bench.name, 10) == []
    await bench.store.record(bench.name, "{}")
    assert await bench.store.decisions(bench.name, 0) == []


async def test_a_store_answers_a_ping(store: QueueStore) -> None:
    """A store that works says so."""
    await store.ping()
