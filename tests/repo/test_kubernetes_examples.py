"""The QueueConfigs of `examples/kubernetes` say what the systems that they stand for promise."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from headpond.app.catalog import Catalog, load_apps
from headpond.cli.up.declared import declare
from headpond.config import QueueConfig, parse_documents
from tree import ROOT

FOLDER = ROOT / "examples" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
ALL = {
    document.queue: document
    for file in FILES
    for document in parse_documents(file.read_text("utf-8"), file.name)
}
FAMILIES = {
    "school-erp.yaml": {"attendance", "notifications", "reports", "academic"},
    "attendance-batches.yaml": {"attendance-batches"},
    "event-notifications.yaml": {"event-notifications"},
    "general-platform.yaml": {"interactive", "analytics"},
    "scheduler.yaml": {"vale-queue", "housekeeping"},
}


def test_there_is_one_file_for_each_system() -> None:
    """Each holds the queues of that system, and no queue is declared twice."""
    found = {
        file.name: {each.queue for each in parse_documents(file.read_text("utf-8"))}
        for file in FILES
    }
    assert found == FAMILIES
    assert len(ALL) == sum(map(len, FAMILIES.values()))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_says_how_to_apply_it(file: object) -> None:
    """Its own name stands in the command."""
    text = (FOLDER / str(file)).read_text("utf-8")
    (path,) = re.findall(r"kubectl apply -f (\S+)", text)
    assert ROOT / path == file


def test_the_attendance_queue_works_with_its_app() -> None:
    """What the document and the code say together has no contradiction."""
    catalog = Catalog(load_apps(["headpond_school"]))
    spec = declare(catalog, [ALL["attendance"]], ceiling=2)["attendance"].spec
    assert (spec.scaling.max, spec.jobs.concurrency, spec.jobs.retries) == (20, 50, 3)


@pytest.mark.parametrize("queue", sorted(ALL))
def test_what_has_no_app_yet_starts_no_workers(queue: str) -> None:
    """Workers that know none of the queue's jobs would only crash."""
    spec = ALL[queue].spec
    assert (spec.scaling.mode == "Auto") == bool(spec.worker.apps)


@pytest.mark.parametrize(
    ("queue", "concurrency", "retries", "backoff", "priority"),
    [
        ("attendance", 50, 3, "exponential", 7),
        ("notifications", 20, 5, "exponential", 5),
        ("reports", 5, 2, "fixed", 2),
        ("academic", 10, 3, "exponential", 5),
    ],
)
def test_the_school_has_its_figures(
    queue: str, concurrency: int, retries: int, backoff: str, priority: int
) -> None:
    """As its system had them."""
    jobs = ALL[queue].spec.jobs
    assert (jobs.concurrency, jobs.retries) == (concurrency, retries)
    assert (jobs.backoff.type, jobs.priority) == (backoff, priority)


def waits(document: QueueConfig) -> list[timedelta]:
    """Return the wait before each re-run, without chance."""
    backoff = document.spec.jobs.backoff
    return [
        min(backoff.delay * backoff.factor**run, backoff.max)
        for run in range(document.spec.jobs.retries)
    ]


def test_events_are_retried_as_their_system_did() -> None:
    """After 5, 25 and 125 seconds, ten a second at most, kept a day and a week."""
    document = ALL["event-notifications"]
    assert [wait.total_seconds() for wait in waits(document)] == [5, 25, 125]
    jobs = document.spec.jobs
    assert jobs.rate_limit is not None
    assert (jobs.rate_limit.max, jobs.rate_limit.per) == (10, timedelta(seconds=1))
    assert jobs.retention.completed.age == timedelta(days=1)
    assert jobs.retention.failed.age == timedelta(days=7)


def test_the_scheduler_keeps_what_its_system_kept() -> None:
    """Fifty completed and twenty-five failed, three attempts."""
    jobs = ALL["vale-queue"].spec.jobs
    assert (jobs.retention.completed.count, jobs.retention.failed.count) == (50, 25)
    assert (jobs.retries, jobs.backoff.delay) == (2, timedelta(seconds=2))
