"""`make bench`: run each benchmark; write docs/reference/performance.md and its picture."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))

from harness.page import page
from harness.picture import picture

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
PAGE = DOCS / "reference" / "performance.md"
PICTURE = DOCS / "explanation" / "why-fast.svg"
ALONE = ("throughput", "enqueue", "latency", "http", "memory", "tenants", "depth", "recovery")
ON_KUBERNETES = ("wake", "thousand_queues", "interruptions", "cold_start")
NAMES = ALONE + ON_KUBERNETES


def main(options: list[str]) -> int:
    """Hand the options on to each; 1 when a benchmark could not measure."""
    broken = []
    for name in NAMES:
        command = [sys.executable, str(HERE / f"{name}.py"), *options]
        if subprocess.run(command, check=False).returncode:
            broken.append(name)
    PAGE.write_text(page(HERE / "results", NAMES), "utf-8")
    drawn = picture(HERE / "results" / "throughput.json")
    if drawn:
        PICTURE.write_text(drawn, "utf-8")
    for name in broken:
        print(f"bench: {name} did not measure anything", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
