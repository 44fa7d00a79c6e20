"""`headpond up` as a whole: it runs jobs, mends itself, follows its file and ends in order."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from until import until
from up_app import Hello, hello
from up_tree import UpTree, refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

HEAD = "apiVersion: headpond.dev/v1alpha1\nkind: QueueConfig\nmetadata: {name: greetings}\n"
CALM = "spec: {scaling: {min: 1, max: 2}}\n"
HELD = "spec: {pause: Hold, scaling: {max: 2}}\n"


@pytest.fixture
def held(tmp_path: Path) -> Iterator[UpTree]:
    """Start a tree whose queue is held."""
    yield from running(tmp_path, HELD)


@pytest.fixture
def calm(tmp_path: Path) -> Iterator[UpTree]:
    """Start a tree with one worker at rest."""
    yield from running(tmp_path, CALM)


def running(folder: Path, spec: str) -> Iterator[UpTree]:
    """Start a tree with this spec in its file, and leave nothing behind."""
    file = folder / "q.yaml"
    file.write_text(HEAD + spec)
    tree = UpTree(folder, "up_app", "-f", str(file))
    tree.start()
    yield tree
    tree.end()


async def test_it_runs_every_job_once_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    """Without a file, a configuration or anything else than the name of an app."""
    tree = UpTree(tmp_path, "up_app")
    tree.start()
    try:
        await tree.ready()
        await tree.says("greetings (0 to ")
        async with tree.store():
            for number in range(20):
                await hello.enqueue(Hello(file=tmp_path / "out", name=str(number)))
        await tree.says("greetings 0→")
        await until_completed(tree, 20)
        tree.signal(signal.SIGINT)
        assert await tree.ended() == 0
        await tree.says("Stopped.")
    finally:
        tree.end()
    greeted = (tmp_path / "out").read_text().splitlines()
    assert sorted(greeted) == sorted(f"{number} 1" for number in range(20))


async def test_the_next_start_finds_its_jobs_again(held: UpTree) -> None:
    """After SIGKILL of `up` as well; the key stays the same, and no child outlives it."""
    await held.ready()
    key = await held.says("key  ")
    async with held.store():
        for number in range(5):
            await hello.enqueue(Hello(file=held.folder / "out", name=str(number)))
    tree = held.tree()
    held.signal(signal.SIGKILL)
    held.start()
    await held.ready()
    assert await held.says("key  ") == key
    assert not any(is_alive(process) for process in tree)
    sample = await held.sample()
    assert (sample.waiting, sample.completed, sample.is_held) == (5, 0, True)
    (held.folder / "q.yaml").write_text(HEAD + CALM)
    await held.says("pause Hold→None", within_s=5)
    await until_completed(held, 5)
    assert len((held.folder / "out").read_text().splitlines()) == 5


async def test_a_child_that_is_killed_is_mended(calm: UpTree) -> None:
    """API, worker and Redis in turn; each death is said, and jobs run after all of them."""
    await calm.ready()
    await until(lambda: calm.child("headpond_workers"))
    await kill(calm, "headpond_api")
    await calm.says("The API was killed by SIGKILL")
    await kill(calm, "headpond_workers")
    await calm.says("was killed by SIGKILL.")
    await kill(calm, "redis-server")
    await calm.says("redis-server is back.")
    await calm.says("The API is back.", within_s=60)
    async with calm.store():
        await hello.enqueue(Hello(file=calm.folder / "out"))
    await until_completed(calm, 1)
    assert calm.child("headpond_api")


async def test_a_changed_file_is_followed_and_a_wrong_one_is_not(calm: UpTree) -> None:
    """Soon, and without a restart of the worker; a fault is said with path, value and reason."""
    await calm.ready()
    await until(lambda: calm.child("headpond_workers"))
    worker = calm.child("headpond_workers")
    file = calm.folder / "q.yaml"
    file.write_text(HEAD + "spec: {jobs: {retries: 7}, scaling: {min: 1, max: 2}}\n")
    await calm.says("q.yaml: greetings: jobs.retries 3→7.", within_s=5)
    file.write_text(HEAD + "spec: {jobs: {retries: 7}, scaling: {min: 3, max: 2}}\n")
    await calm.says("/spec/scaling/min: min 3 is more than max 2.", within_s=5)
    await calm.says("The configuration before stays in force.")
    async with calm.store() as store:
        settings = await store.settings("greetings")
    assert settings
    assert '"retries":7' in settings.document
    assert '"min":1' in settings.document
    file.unlink()
    await calm.says("The file can't be read: No such file or directory.", within_s=5)
    file.write_text(HEAD + "spec: {pause: Hold, scaling: {min: 1, max: 2}}\n")
    await calm.says("pause None→Hold", within_s=5)
    await until(lambda: is_held(calm))
    assert calm.child("headpond_workers") == worker


async def test_what_leaves_the_file_is_as_the_code_says(calm: UpTree) -> None:
    """But an emptied file is a slip; and a second `up` on the same folder is refused meanwhile."""
    await calm.ready()
    second = refused(calm.folder, "up_app", "--port", "0")
    assert second.returncode == 2
    assert "is in use by another headpond up" in second.stderr
    (calm.folder / "q.yaml").write_text("# nothing\n")
    await calm.says("The file holds no QueueConfig", within_s=5)
    (calm.folder / "q.yaml").write_text(HEAD + "spec: {}\n")
    await calm.says("scaling.min 1→0", within_s=5)


async def test_a_second_ctrl_c_kills(calm: UpTree) -> None:
    """Who is in a hurry does not wait for a long job; it runs again at the next start."""
    await calm.ready()
    async with calm.store():
        await hello.enqueue(Hello(file=calm.folder / "out", seconds=60))
    await until(lambda: is_active(calm))
    calm.signal(signal.SIGINT)
    await calm.says("Stopping: ")
    calm.signal(signal.SIGINT)
    assert await calm.ended() == 130
    calm.start()
    await calm.ready()
    sample = await calm.sample()
    assert sample.outstanding == 1


async def test_sigterm_lets_running_jobs_finish(calm: UpTree) -> None:
    """As a supervisor or a closing terminal sends it."""
    await calm.ready()
    async with calm.store():
        await hello.enqueue(Hello(file=calm.folder / "out", seconds=2))
    await until(lambda: is_active(calm))
    calm.signal(signal.SIGTERM)
    assert await calm.ended() == 0
    assert (calm.folder / "out").read_text() == "you 1\n"


async def kill(tree: UpTree, word: str) -> None:
    """Kill a child by its id."""
    process = tree.child(word)
    assert process, f"there is no {word}"
    process.kill()


async def until_completed(tree: UpTree, count: int) -> None:
    """Wait until so many jobs have completed."""
    async with tree.store() as store:

        async def completed() -> bool:
            return (await store.sample(["greetings"]))["greetings"].completed == count

        await until(completed, within_s=60)


async def is_active(tree: UpTree) -> bool:
    """Return whether a job runs."""
    return (await tree.sample()).active > 0


async def is_held(tree: UpTree) -> bool:
    """Return whether the queue is held."""
    return (await tree.sample()).is_held


def is_alive(process: psutil.Process) -> bool:
    """Return whether it runs, and is not only waiting to be reaped."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
