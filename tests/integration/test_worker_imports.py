"""What a worker process loads: it stays small."""

from __future__ import annotations

import subprocess
import sys

from tree import ROOT

LOADED = "import sys, headpond_workers.__main__, mill_app; print(*sorted(sys.modules))"


def test_worker_does_not_load_redis_py() -> None:
    """Its connections are Headpond's own: redis-py would cost every worker 18 MiB."""
    said = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={"PYTHONPATH": str(ROOT / "tests" / "support")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = said.stdout.split()
    assert "headpond.redis.wire" in loaded
    assert [name for name in loaded if name.split(".")[0] == "redis"] == []
