"""Send a school's attendance through the whole system, see workers come and go, check the books.

`make demo` runs it. It starts `headpond up` in a folder of its own, sends 5,000 marks by HTTP (100
of them repeats, 20 invalid), and ends when every job is done and the last worker is gone. It exits
0 if the database has each accepted mark exactly once, else 1 with what differs.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

# `python -P` and PYTHONSAFEPATH leave a script's own folder out.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from demo.books import compare, read_rows
from demo.mischief import crash, kill_worker
from demo.roster import Plan, expected_rows, make_roster
from demo.sender import Sender
from demo.system import WORK_MS, NotReady, System
from demo.verdict import Verdict
from demo.watch import Watcher

FAILED = 1
INTERRUPTED = 130
"""The shells' exit code for Ctrl-C."""

ANSWER_S = 10
"""Then a request is taken for lost and sent again."""


def main() -> int:
    """Run the demonstration; return its exit code."""
    options = _options()
    folder = options.data or Path(tempfile.mkdtemp(prefix="headpond-demo-"))
    system = System(folder)
    code = FAILED
    try:
        code = asyncio.run(_run(options, system))
    except NotReady as trouble:
        print(f"demo: {trouble}")
    except TimeoutError:
        print(f"demo: not done within {options.within} s")
    except asyncio.CancelledError:
        print("demo: interrupted")
        code = INTERRUPTED
    finally:
        system.crash()  # whatever is left of it
    if code == FAILED:
        print(f"\nThe end of {system.log}:\n{system.last_words()}")
    elif options.data is None:
        shutil.rmtree(folder)
    return code


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="attendance_demo.py")
    add = parser.add_argument
    add("--marks", type=int, default=5000, help="how many to send (default: %(default)s)")
    add("--connections", type=int, default=32, help="HTTP connections (default: %(default)s)")
    add("--within", type=int, default=180, help="seconds to give up after (default: %(default)s)")
    add("--data", type=Path, help="keep everything in this folder (default: a temporary one)")
    add("--kill", action="store_true", help="kill a busy worker on the way")
    add("--crash", action="store_true", help="kill the whole system on the way, and start it again")
    options = parser.parse_args()
    if options.data and options.data.exists() and any(options.data.iterdir()):
        parser.error(f"{options.data} is not empty; marks of an earlier run would be duplicates")
    return options


async def _run(options: argparse.Namespace, system: System) -> int:
    began = time.monotonic()
    current = asyncio.current_task()
    assert current is not None
    for number in (signal.SIGINT, signal.SIGTERM):  # also where whoever started it ignores them
        asyncio.get_running_loop().add_signal_handler(number, current.cancel)
    print(f"demo: starting headpond up in {system.folder}", flush=True)
    async with asyncio.timeout(options.within):
        try:
            await system.start()
            seconds = time.monotonic() - began
            print(f"demo: ready after {seconds:.1f} s at {system.url}; a mark takes {WORK_MS} ms")
            verdict = await _send_all(options, system, began)
        finally:
            await system.stop()
    for difference in (differences := list(verdict.differences())):
        print(f"demo: {difference}")
    print(verdict.line)
    return FAILED if differences else 0


async def _send_all(options: argparse.Namespace, system: System, began: float) -> Verdict:
    plan = Plan.of(options.marks)
    roster = make_roster(plan)
    headers = {"Authorization": f"Bearer {system.key}"}
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(system.url, headers=headers, timeout=timeout) as client:
        sender = Sender(client, roster, options.connections)
        watcher = Watcher(client, sender.tally, plan.total, lambda: len(system.workers()))
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(sender.run())
                group.create_task(watcher.run(sending.done))
                group.create_task(_mischief(options, system, watcher, sender))
        except ExceptionGroup as troubles:
            raise troubles.exceptions[0] from troubles
    return Verdict(
        plan=plan,
        tally=sender.tally,
        books=compare(expected_rows(roster), read_rows(system.database)),
        failed=watcher.view.failed,
        most_workers=watcher.most_workers,
        seconds=time.monotonic() - began,
    )


async def _mischief(
    options: argparse.Namespace, system: System, watcher: Watcher, sender: Sender
) -> None:
    if options.crash:
        await crash(system, watcher, sender)
    if options.kill:
        await kill_worker(system, watcher)


if __name__ == "__main__":
    sys.exit(main())
