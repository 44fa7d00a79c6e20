"""What goes wrong on purpose in the middle: a busy worker is killed, or everything is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.sender import Sender
    from demo.system import System
    from demo.watch import Watcher


async def kill_worker(system: System, watcher: Watcher) -> None:
    """Kill the worker that began first while jobs end and more wait than run: so it has some."""
    completed = (await watcher.next_view()).completed
    await watcher.until(lambda view: view.completed > completed and view.waiting > view.active > 0)
    victim = min(system.workers(), key=lambda worker: worker.create_time())
    victim.kill()
    print(f"demo: killed worker process {victim.pid} while it was busy", flush=True)


async def crash(system: System, watcher: Watcher, sender: Sender) -> None:
    """Kill the whole tree while jobs run and marks arrive; start it again on the same folder."""
    sender.hold_back()
    await watcher.until(lambda view: view.completed > 0 and view.active > 0)
    sender.go_on()
    held_at = sender.tally.sent
    await watcher.until(lambda view: sender.tally.sent > held_at and view.active > 0)
    system.crash()
    print("demo: killed the whole system; starting it again on the same folder", flush=True)
    await system.start()
