"""Counts inside the jobs, so that every side is measured at the same place.

A worker under measurement finds in its environment how many jobs will come (`BENCH_JOBS`), how many
of them are warm-up (`BENCH_WARM`), and where to write its report (`BENCH_REPORT`) after the last.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path


class Counter:
    """Counts jobs of one worker process; handlers run in its loop, so nothing is locked."""

    def __init__(self, jobs: int, warm: int, report: Path) -> None:
        """Report to a file once `jobs` were counted; the first `warm` are not timed."""
        self._jobs = jobs
        self._warm = warm
        self._report = report
        self._seen = 0
        self._began = 0.0
        self._began_cpu = 0.0
        self._waits_ms: list[float] = []

    def hit(self) -> None:
        """Count a job."""
        self._seen += 1
        if self._seen == self._warm:
            self._began, self._began_cpu = time.perf_counter(), time.process_time()
        elif self._seen == self._jobs:
            self._write()

    def arrived(self, sent_ns: int) -> None:
        """Count a job, and how long ago it was sent (CLOCK_MONOTONIC, one for all processes)."""
        wait_ms = (time.monotonic_ns() - sent_ns) / 1e6
        if self._seen >= self._warm:
            self._waits_ms.append(wait_ms)
        self.hit()

    def _write(self) -> None:
        timed = self._jobs - self._warm
        report = {
            "per_second": timed / (time.perf_counter() - self._began),
            "cpu_us": (time.process_time() - self._began_cpu) / timed * 1e6,
            "waits_ms": self._waits_ms,
        }
        draft = self._report.with_suffix(".draft")
        draft.write_text(json.dumps(report), "utf-8")
        draft.rename(self._report)


def from_environment() -> Counter:
    """Return the counter that this process was started with; without one, it never reports."""
    jobs = int(os.environ.get("BENCH_JOBS", "0"))
    warm = int(os.environ.get("BENCH_WARM", "1"))
    return Counter(jobs, warm, Path(os.environ.get("BENCH_REPORT", os.devnull)))


COUNTER = from_environment()
