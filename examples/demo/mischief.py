"""What goes wrong on purpose in the middle: a busy worker is killed, or everything is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.system import System
    from demo.watch import Watcher


async def kill_worker(system: System, watcher: Watcher) -> None:
    """Kill a worker while it has jobs."""
    await watcher.until(lambda view: view.completed > 0 and view.active > 0)
    victim = system.workers()[-1]
    victim.kill()
    print(f"demo: killed worker process {victim.pid} while it was busy", flush=True)


async def crash(system: System, watcher: Watcher) -> None:
    """Kill the whole tree while jobs run and marks arrive; start it again on the same folder."""
    await watcher.until(lambda view: view.completed > 0 and view.active > 0)
    system.crash()
    print("demo: killed the whole system; starting it again on the same folder", flush=True)
    await system.start()
