"""The page of the metrics names what the processes say, and no more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from headpond.events import Decided, DrainAsked, RoundDone, Scaled
from headpond.jobs import Done, JobId
from headpond.telemetry.governor_metrics import GovernorMetrics
from headpond.telemetry.prometheus import QueueFigures
from headpond.telemetry.tally import OUTCOMES, Tally
from headpond.telemetry.worker_metrics import WorkerMetrics
from headpond_api.metrics import HttpMeter
from scaling_cases import a_sample
from tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.registry import Collector

PAGE: Final = (ROOT / "docs/reference/metrics.md").read_text("utf-8")
ROW: Final = re.compile(r"\| `(headpond_\w+)` \| (\w+) \| (.*?) ?\| .+ \|")

Row = tuple[str, str, tuple[str, ...]]


def collectors() -> Iterator[Collector]:
    """Yield all there are, each with something to say of everything."""
    governor = GovernorMetrics()
    governor.leading = True
    governor.receive(Decided(0, "q", 0, 1, "demand", "a job waits", writes=True))
    governor.receive(Scaled(0, "q", 0, 1, ()))
    governor.receive(DrainAsked(0, "q", ("w",)))
    governor.receive(RoundDone(0, 1, 0, 0.001, {"q": 1}))
    yield governor
    tally = Tally()
    tally.of("type").ended(Done(JobId("j"), "w.1", b"", 5))
    yield WorkerMetrics("q", tally, lambda: (2, 1))
    meter = HttpMeter()
    meter.count({"method": "GET", "path": "/livez"}, 200, 0.001)
    meter.submitted("q", "accepted")
    yield meter
    yield QueueFigures({"q": a_sample()})


def said() -> Iterator[Row]:
    """Yield what the collectors say."""
    for collector in collectors():
        for family in collector.collect():
            assert family.samples, f"{family.name} was not brought to say anything"
            labels = {label for sample in family.samples for label in sample.labels}
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield name, family.type, tuple(sorted(labels - {"le"}))


def named() -> Iterator[Row]:
    """Yield what the page says."""
    for line in PAGE.splitlines():
        if found := ROW.fullmatch(line):
            yield found[1], found[2], tuple(sorted(re.findall(r"`(\w+)`", found[3])))


def test_the_page_names_every_metric_and_no_other() -> None:
    """With type and labels; `headpond_store_up` is said by two processes."""
    assert sorted(said()) == sorted(named())


def test_the_page_names_every_outcome() -> None:
    """In the words of the code."""
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", PAGE, re.MULTILINE))
    assert {name: rows.get(name) for name in OUTCOMES} == OUTCOMES


def test_no_tenant_is_a_label() -> None:
    """There may be thousands of them, and their names may be people's."""
    assert [row for row in said() if {"tenant", "job_id", "user"} & set(row[2])] == []
