"""The job at hand: what it says of its progress, and how it learns that nobody waits."""

from __future__ import annotations

from typing import Any

import pytest

from headpond import Job
from headpond.app.context import MOST_MESSAGE
from headpond.envelope import Progress


@pytest.fixture
def said() -> list[Progress]:
    """Give a list of what was said."""
    return []


@pytest.fixture
def job(said: list[Progress]) -> Job:
    """Give a job that notes its progress."""
    return Job("j", "q", "t", say=lambda _, progress: said.append(progress))


async def test_progress_is_passed_on(job: Job, said: list[Progress]) -> None:
    """From the loop and from threads, in the same words."""
    await job.progress(1)
    job.report_progress(2.5, 10, "half way")
    assert said == [Progress(1.0), Progress(2.5, 10.0, "half way")]


async def test_a_job_of_a_test_says_it_to_nobody() -> None:
    """Handlers can be called without a worker."""
    await Job("j", "q", "t").progress(1, 2, "fine")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ((-1,), "done"),
        ((float("nan"),), "done"),
        ((float("inf"),), "done"),
        ((10**400,), "done"),
        (("1",), "done"),
        ((None,), "done"),
        ((1, -1), "total"),
        ((1, float("nan")), "total"),
        ((1, 2, None), "message"),
        ((1, 2, b"x"), "message"),
    ],
)
def test_what_is_no_progress_is_refused_by_name(
    job: Job, said: list[Progress], words: tuple[Any, ...], name: str
) -> None:
    """At the call, and nothing is said."""
    with pytest.raises(ValueError, match=f"progress' {name}"):
        job.report_progress(*words)
    assert said == []


def test_messages_are_bounded_and_can_be_stored(job: Job, said: list[Progress]) -> None:
    """Cut, and without what is no Unicode."""
    job.report_progress(1, 2, "\ud800" + "x" * 1000)
    assert len(said[0].message) == MOST_MESSAGE
    assert said[0].message.encode("utf-8").startswith(b"?x")


def test_a_handler_has_seen_only_what_was_true_when_it_looked(job: Job) -> None:
    """Looking before the cancellation is no heeding of it."""
    assert not job.cancelled
    assert not job.has_seen
    job.cancelled = True
    assert not job.has_seen
    assert job.cancelled
    assert job.has_seen
