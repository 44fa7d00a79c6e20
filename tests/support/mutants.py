"""Break one rule after the other in a copy of the Lua scripts, and see that a test fails for each.

`make mutants` runs it. A rule whose breaking no test sees is a promise that nobody checks. Each
mutant names a small choice of tests: they must pass on a copy that is whole, and fail on its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[2]
LUA: Final = Path("headpond/redis/lua")
FAILED: Final = 1
"""What pytest returns when tests ran and some failed; everything else is no verdict."""
NOT_LUA: Final = re.compile(r"Error compiling script|attempt to (call|index|perform|compare)")
"""A mutant that Redis can't run shows nothing of the tests."""


class Mutant(NamedTuple):
    """A broken rule."""

    rule: str
    file: str
    old: str
    """Must be there exactly once."""
    new: str
    tests: str
    """The file of `tests/conformance` that has to see it."""
    only: str = ""
    """Which of its tests, as for pytest's `-k`."""


MUTANTS: Final = (
    Mutant(
        "the fence is ignored",
        "shared/owned.lua",
        "if owner and owner ~= same and string.sub(owner, 1, #fence) == fence then",
        "if owner and owner ~= same then",
        "test_store_exchange.py",
        "fence",
    ),
    Mutant(
        "a worker's count goes down twice",
        "shared/owned.lua",
        "redis.call('HINCRBY', busy, worker, -#good)",
        "redis.call('HINCRBY', busy, worker, -2 * #good)",
        "test_store_leases.py",
        "active_counts",
    ),
    Mutant(
        "ids are deduped outside the script",
        "shared/add.lua",
        "local is_new = not (known[i] or seen[id])",
        "local is_new = not seen[id]",
        "test_store_enqueue.py",
        "accept",
    ),
    Mutant(
        "a hold is not asked for",
        "claim.lua",
        "local held = freed > 0 and 1 or 0",
        "local held = 0",
        "test_store_holds.py",
        "pause",
    ),
    Mutant(
        "priorities are reversed",
        "shared/add.lua",
        "lane = (9 - priority) .. tenant",
        "lane = priority .. tenant",
        "test_store_order.py",
        "priority",
    ),
    Mutant(
        "a lease is never renewed",
        "renew.lua",
        "redis.call('ZADD', active, 'XX', unpack(lease))",
        "lease = {}",
        "test_store_leases.py",
        "renewal",
    ),
    Mutant(
        "maxActive is one too many",
        "claim.lua",
        "want = math.min(want, tonumber(set[4]) - redis.call('ZCARD', active))",
        "want = math.min(want, tonumber(set[4]) + 1 - redis.call('ZCARD', active))",
        "test_store_exchange.py",
        "limits",
    ),
    Mutant(
        "a rate forgets its oldest start",
        "shared/window.lua",
        "return most - used,",
        "return most - math.max(0, used - 1),",
        "test_store_limits.py",
        "rate",
    ),
    Mutant(
        "a tenant's limit counts only this claim",
        "shared/aside.lua",
        "quota.slots = most - tonumber(redis.call('HGET', tenant_active, tenant) or 0)",
        "quota.slots = most",
        "test_store_tenants.py",
    ),
    Mutant(
        "the mark of a cancelled job is ignored",
        "shared/ending.lua",
        "if redis.call('EXISTS', cancels) == 1 then",
        "if false then",
        "test_store_cancel.py",
    ),
    Mutant(
        "a member that left its batch stays in it",
        "shared/batches.lua",
        "left[#left + 1] = '-' .. found[i]",
        "left[#left + 1] = found[i]",
        "test_store_batches.py",
    ),
    Mutant(
        "a member's end counts twice",
        "shared/batches.lua",
        "record[how] = record[how] + n",
        "record[how] = record[how] + 2 * n",
        "test_store_batches.py",
    ),
    Mutant(
        "a key taken until the end is free at the start",
        "shared/keys.lua",
        "if letter and (letter == 's' or not at_start) then",
        "if letter then",
        "test_store_unique.py",
    ),
    Mutant(
        "a lost worker is no crash",
        "shared/reap.lua",
        "redis.call('HINCRBY', tries, id, '1') % 1000",
        "redis.call('HINCRBY', tries, id, '0') % 1000",
        "test_store_leases.py",
        "poison",
    ),
)


def main(wanted: Sequence[str]) -> int:
    """Try the mutants whose rules contain one of the words, or all; return how many live."""
    chosen = [m for m in MUTANTS if not wanted or any(word in m.rule for word in wanted)]
    with tempfile.TemporaryDirectory() as folder:
        whole = _copy(Path(folder) / "whole")
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            tries = [
                pool.submit(_try, mutant, whole, Path(folder) / str(number))
                for number, mutant in enumerate(chosen)
            ]
        seen = sum(each.result() for each in tries)
    _say(f"mutants: {seen} of {len(chosen)} were seen by a test")
    return len(chosen) - seen


def _try(mutant: Mutant, whole: Path, folder: Path) -> bool:
    """Break one rule; return whether tests fail for it that pass on the whole."""
    since = time.monotonic()
    only = f"redis and ({mutant.only})" if mutant.only else "redis"
    tests = [f"tests/conformance/{mutant.tests}", "-x", "-k", only]
    core = _copy(folder)
    path = core / LUA / mutant.file
    text = path.read_text("utf-8")
    if text.count(mutant.old) != 1:
        _say(f"mutants: {mutant.file} has changed; write anew what to break: {mutant.old}")
        return False
    path.write_text(text.replace(mutant.old, mutant.new), "utf-8")
    code, output = _run(whole, tests)
    if code:
        _say(f"mutants: {mutant.rule}: the tests fail although it isn't broken\n{output}")
        return False
    code, output = _run(core, tests)
    by = re.search(r"^FAILED \S+::(\S+)", output, re.MULTILINE)
    is_seen = code == FAILED and by is not None and not NOT_LUA.search(output)
    verdict = f"seen by {by[1]}" if is_seen and by else f"NOT SEEN\n{output}"
    _say(f"mutants: {mutant.rule}: {verdict} ({time.monotonic() - since:.1f} s)")
    return is_seen


def _copy(folder: Path) -> Path:
    """Copy the package, so that the tree itself is never broken."""
    shutil.copytree(ROOT / "core", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _run(core: Path, args: Sequence[str]) -> tuple[int, str]:
    """Run tests with this copy of the package."""
    options = ["-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=line"]
    environment = {**os.environ, "PYTHONPATH": str(core), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *args],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
