"""`headpond up` and what is secret: a key of its own, and nothing to read in anything it leaves."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import redis

from until import until
from up_tree import UpTree, refused
from vault import Canary, everything, files_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psutil

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[UpTree]:
    """Start a tree of the app that has secrets."""
    it = UpTree(tmp_path, "vault_app")
    it.start()
    yield it
    it.end()


def client_of(tree: UpTree) -> httpx.Client:
    """Return a client with the key that was printed."""
    address = re.search(r"address +(\S+)", tree.text())
    key = re.search(r"key +(\S+)", tree.text())
    assert address
    assert key
    headers = {"Authorization": f"Bearer {key[1]}"}
    return httpx.Client(base_url=address[1], headers=headers, timeout=30)


async def test_encryption_of_the_whole_system_leaves_nothing_to_read(
    tree: UpTree, tmp_path: Path
) -> None:
    """Redis, its log, all logs, the output, answers, metrics and problems show nothing (A14.5)."""
    canary, open_word = Canary(), Canary()
    secret = {"word": canary.word, "number": canary.number}
    letter = {"subject": open_word.word, "email": canary.email, "pins": [canary.number]}
    await tree.ready()
    answers: list[httpx.Response] = []
    with client_of(tree) as client:

        def send(queue: str, kind: str, payload: Any) -> str:
            body = {"type": kind, "payload": payload}
            answers.append(client.post(f"/api/v1/queues/{queue}/jobs", json=body))
            return f"/api/v1/jobs/{answers[-1].json().get('id')}?queue={queue}"

        jobs = {
            send("vault", "keep", secret): "completed",
            send("vault", "spill", secret): "failed",
            send("vault", "insist", secret): "completed",
            send("desk", "send", letter): "completed",
            send("desk", "lose", letter): "failed",
        }
        assert [each.status_code for each in answers] == [202] * 5
        send("desk", "send", {**letter, "email": canary.word})
        assert answers[-1].status_code == 422

        def have_ended() -> bool:
            states = [client.get(job).json().get("state") for job in jobs]
            return states == list(jobs.values())

        await until(have_ended, 60)
        paths = [*jobs, "/api/v1/jobs", "/metrics", "/api/v1/queues", "/api/v1/queues/stats"]
        answers += [client.get(path) for path in paths]
    with redis.Redis(unix_socket_path=str(tmp_path / "data" / "redis.sock")) as store:
        left = [*everything(store), *files_of(tmp_path), ("up", tree.text().encode())]
    left += [(str(each.url), each.content) for each in answers]
    assert canary.found_in(left) == []
    names = open_word.found_in(left)
    for place in ("appendonlydir", "worker-desk.log", "desk}", "/api/v1/jobs/"):
        assert any(place in name for name in names), f"the search finds clear words in {place}"


async def test_encryption_key_is_handed_on_as_a_path(tree: UpTree, tmp_path: Path) -> None:
    """The key itself is in its file and nowhere else; a second start uses it again."""
    await tree.ready()
    path = tmp_path / "data" / "encryption-keys"
    content = path.read_text()
    key = content.strip().rpartition(":")[2]
    api = tree.child("headpond_api")
    assert api
    assert api.environ()["HEADPOND_ENCRYPTION_KEYS_FILE"] == str(path)
    shown = [(str(each.pid), repr(_seen(each)).encode()) for each in tree.tree()]
    others = [(name, text) for name, text in files_of(tmp_path) if name != str(path)]
    found = [name for name, text in [*shown, *others] if key.encode() in text]
    assert found == []
    tree.signal(signal.SIGINT)
    assert await tree.ended() == 0
    tree.start()
    await tree.ready()
    assert path.read_text() == content


def _seen(process: psutil.Process) -> tuple[list[str], dict[str, str]]:
    return process.cmdline(), process.environ()


@pytest.mark.parametrize("name", ["HEADPOND_ENCRYPTION_KEYS", "HEADPOND_ENCRYPTION_KEYS_FILE"])
def test_encryption_bad_key_is_refused_at_the_start(tmp_path: Path, name: str) -> None:
    """With the variable's name, and nothing of what might be a key."""
    word = Canary().word
    bad = tmp_path / "keys"
    bad.write_text(f"k:{word}\n")
    given = str(bad) if name.endswith("FILE") else f"k:{word}"
    ended = refused(tmp_path, "vault_app", **{name: given})
    assert ended.returncode == 2
    assert name in ended.stderr
    assert "Key 1 ('k')" in ended.stderr
    assert word not in ended.stdout + ended.stderr
