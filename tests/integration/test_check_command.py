"""`headpond check` as a stranger meets it: whatever is wrong, one sentence each, no traceback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench import a_job
from headpond.clock import SystemClock
from headpond.queues import Hold, QueueSettings
from headpond.redis import RedisQueueStore
from redis_server import RedisServer, free_port
from shell import a_shell

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = str(Path(sys.executable).with_name("headpond"))
GOOD_APP = """\
from headpond import App
print("hello from the import")
app = App("mailer")
mail = app.queue("mail")

@mail.job("send")
async def send(payload: dict) -> None: ...
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with an app in it."""
    (tmp_path / "my_app.py").write_text(GOOD_APP)
    return tmp_path


def run(folder: Path, url: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `headpond check WORDS` there."""
    return subprocess.run(
        [COMMAND, "check", *words],
        cwd=folder,
        env={**a_shell(), "HEADPOND_REDIS_URL": url, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def found(folder: Path, url: str, *words: str, **environ: str) -> dict[str, tuple[str, str]]:
    """Return result and sentence by name; the exit code agrees, and nobody sees a traceback."""
    answer = run(folder, url, "--json", *words, **environ)
    assert "Traceback" not in answer.stdout + answer.stderr
    said: dict[str, Any] = json.loads(answer.stdout)
    results = {row["result"] for row in said["findings"]}
    assert answer.returncode == (1 if "fail" in results else 0)
    assert said["ok"] == (answer.returncode == 0)
    for row in said["findings"]:
        assert row["sentence"].endswith((".", "?", ")")) or "ACL SETUSER" in row["sentence"], row
    return {row["name"]: (row["result"], row["sentence"]) for row in said["findings"]}


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Give a server that a test may spoil."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    with server.client() as client:
        client.config_set("appendonly", "no")
    yield server
    server.stop()


# ── all is well ──


def test_a_sound_installation_has_nothing_but_good(folder: Path, redis_url: str) -> None:
    """Every line is ok, and the last one counts them."""
    answer = run(folder, redis_url, "my_app")
    assert answer.returncode == 0, answer.stdout
    *lines, _, counts = answer.stdout.splitlines()
    assert {line[:6] for line in lines} <= {"ok    ", "      "}
    assert counts == f"{sum(line.startswith('ok') for line in lines)} ok"
    assert answer.stderr == "hello from the import\n"


def test_its_help_shows_how() -> None:
    """With examples to copy."""
    answer = subprocess.run(
        [COMMAND, "check", "--help"], capture_output=True, text=True, check=True
    )
    assert "headpond check my_app -f queues.yaml" in answer.stdout


# ── Redis ──


def test_redis_off(folder: Path) -> None:
    """Its address is in the sentence, its password is not."""
    port = free_port()
    said = found(folder, f"redis://:hushhush@127.0.0.1:{port}/0", "my_app")
    result, sentence = said["redis"]
    assert result == "fail"
    assert f"127.0.0.1:{port} can't be reached" in sentence
    assert "hushhush" not in sentence
    assert said["app my_app"][0] == "ok"  # the rest is looked at all the same


def test_a_wrong_password(folder: Path, own_server: RedisServer) -> None:
    """It is the login, not the network."""
    with own_server.client() as client:
        client.config_set("requirepass", "right")
        url = own_server.url.replace("://", "://:wrong@")
        result, sentence = found(folder, url, "my_app")["redis"]
        assert (result, "WRONGPASS" in sentence, "wrong@" in sentence) == ("fail", True, False)
        result, sentence = found(folder, own_server.url, "my_app")["redis"]
        assert (result, "NOAUTH" in sentence) == ("fail", True)
        client.config_set("requirepass", "")


def test_a_port_at_which_another_program_listens(folder: Path) -> None:
    """What answers there is no Redis."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak_http() -> None:
            with suppress(OSError):  # the end of the test closes the listener
                while True:
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(100)
                        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        speaker = threading.Thread(target=speak_http, daemon=True)
        speaker.start()
        port = listener.getsockname()[1]
        result, sentence = found(folder, f"redis://127.0.0.1:{port}/0", "my_app")["redis"]
        listener.shutdown(socket.SHUT_RDWR)
        speaker.join()
    assert result == "fail"
    assert "Redis" in sentence


def test_an_address_that_is_none(folder: Path) -> None:
    """The sentence shows how one is written, and repeats nothing of a password."""
    result, sentence = found(folder, "http://user:hushhush@db/0", "my_app")["redis"]
    assert result == "fail"
    assert "redis://user:password@host:6379/0" in sentence
    assert "hushhush" not in sentence


def test_a_policy_that_evicts_and_nothing_on_disk(folder: Path, own_server: RedisServer) -> None:
    """The first fails, the second is a warning."""
    with own_server.client() as client:
        client.config_set("maxmemory-policy", "volatile-lru")
    said = found(folder, own_server.url, "my_app")
    assert said["eviction"][0] == "fail"
    assert "'volatile-lru'; set it to 'noeviction'" in said["eviction"][1]
    assert said["persistence"][0] == "warn"
    assert "appendonly" in said["persistence"][1]


def test_a_replica(folder: Path, own_server: RedisServer, redis_server: RedisServer) -> None:
    """It names the primary."""
    with own_server.client() as client:
        client.replicaof("127.0.0.1", redis_server.port)
    result, sentence = found(folder, own_server.url, "my_app")["role"]
    assert result == "fail"
    assert f"127.0.0.1:{redis_server.port}" in sentence


def test_a_login_that_lacks_rights(folder: Path, own_server: RedisServer) -> None:
    """Each is named in the words that give it."""
    with own_server.client() as client:
        rules = ["on", ">pw", "~*", "&*", "+@all", "-zadd", "-hset"]
        client.execute_command("ACL", "SETUSER", "clerk", *rules)
    url = own_server.url.replace("://", "://clerk:pw@")
    result, sentence = found(folder, url, "my_app")["rights"]
    assert result == "fail"
    assert sentence.endswith("ACL SETUSER clerk +hset +zadd")


# ── the environment ──


def test_a_misspelt_variable(folder: Path, redis_url: str) -> None:
    """It works, with a default that nobody meant; the nearest name is guessed."""
    said = found(folder, redis_url, "my_app", HEADPOND_GRACE="60", HEADPOND_ZZ_TOP="1")
    assert said["variable"][0] == "warn"
    both = run(folder, redis_url, "my_app", HEADPOND_GRACE="60", HEADPOND_ZZ_TOP="1").stdout
    assert "Nothing reads HEADPOND_GRACE; did you mean HEADPOND_GRACE_S?" in both
    assert "Nothing reads HEADPOND_ZZ_TOP; take it away" in both


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("HEADPOND_PORT", "eighty", "'eighty'"),
        ("HEADPOND_GRACE_S", "-1", "HEADPOND_GRACE_S"),
        ("REDIS_PORT", "99999", "REDIS_PORT"),
        ("HEADPOND_PORT", "tcp://10.0.0.1:8000", "enableServiceLinks: false"),
    ],
)
def test_a_value_that_can_not_be_read(
    folder: Path, redis_url: str, name: str, value: str, word: str
) -> None:
    """The variable is named, and what is wrong with it."""
    result, sentence = found(folder, redis_url, "my_app", **{name: value})["variable"]
    assert result == "fail"
    assert sentence.startswith(name)
    assert word in sentence


def test_what_kubernetes_sets_for_a_service_is_nobodys_mistake(
    folder: Path, redis_url: str
) -> None:
    """A Service called headpond leaves such variables in every pod."""
    said = found(
        folder,
        redis_url,
        "my_app",
        HEADPOND_SERVICE_HOST="10.0.0.1",
        HEADPOND_PORT_8000_TCP_ADDR="10.0.0.1",
    )
    assert said["variables"][0] == "ok"


# ── apps and documents ──


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_thing\n", "No module named 'no_such_thing'"),
        ("x = 1\ny = 1 / 0\n", "ZeroDivisionError: division by zero"),
        ("def broken(:\n", "line 1"),
        ("raise SystemExit(3)\n", "can't be imported"),
        ("app = 1\n", "has no headpond.App"),
    ],
)
def test_an_app_that_breaks(folder: Path, redis_url: str, code: str, said: str) -> None:
    """The sentence says what and where; Redis is looked at all the same."""
    (folder / "broken.py").write_text(code)
    by_name = found(folder, redis_url, "broken", "my_app")
    result, sentence = by_name["app broken"]
    assert (result, said in sentence) == ("fail", True), sentence
    assert by_name["app my_app"][0] == "ok"
    assert by_name["version"][0] == "ok"


def test_two_apps_with_one_queue(folder: Path, redis_url: str) -> None:
    """Each could be loaded; together they can't."""
    (folder / "twin.py").write_text(GOOD_APP.replace("mailer", "twin"))
    result, sentence = found(folder, redis_url, "my_app", "twin")["apps"]
    assert result == "fail"
    assert "'mailer'" in sentence
    assert "'twin'" in sentence


def test_a_document_that_can_not_be_put_into_force(folder: Path, redis_url: str) -> None:
    """Path, value and reason, as `up -f` says it."""
    file = folder / "queues.yaml"
    head = "apiVersion: headpond.dev/v1alpha1\nkind: QueueConfig\nmetadata: {name: %s}\n"
    file.write_text(head % "mail" + "spec: {scaling: {min: 9, max: 8}}\n")
    result, sentence = found(folder, redis_url, "my_app", "-f", str(file))["file queues.yaml"]
    assert (result, "min 9 is more than max 8" in sentence) == ("fail", True), sentence
    file.write_text(head % "male")
    result, sentence = found(folder, redis_url, "my_app", "-f", str(file))["file queues.yaml"]
    assert (result, "Did you mean 'mail'?" in sentence) == ("fail", True), sentence
    file.write_text(head % "mail")
    assert found(folder, redis_url, "my_app", "-f", str(file))["file queues.yaml"][0] == "ok"
    missing = found(folder, redis_url, "my_app", "-f", "nowhere.yaml")["file nowhere.yaml"]
    assert missing == ("fail", "document: The file can't be read: No such file or directory.")


# ── queues ──


async def test_queues_that_nobody_serves(folder: Path, redis_url: str, namespace: str) -> None:
    """One that no app knows, one that waits without a worker, one that is held."""
    store = RedisQueueStore(redis_url, namespace, clock=_HourAgo())
    try:
        for queue in ("mail", "forgotten"):
            await store.configure(queue, QueueSettings())
        await store.enqueue("mail", [a_job("a")])
        name = {"HEADPOND_NAMESPACE": namespace}
        said = found(folder, redis_url, "my_app", **name)
        assert said["queue forgotten"][0] == "warn"
        assert "No app that was found here knows it" in said["queue forgotten"][1]
        assert said["queue mail"][0] == "warn"
        assert "No worker is heard of, and jobs wait (1 waiting" in said["queue mail"][1]
        await store.hold("mail", Hold("runtime", "ada", "month's end", 0))
        held = found(folder, redis_url, "my_app", **name)["queue mail"]
        assert held[0] == "warn"
        assert held[1].startswith("Held by ada (month's end)")
    finally:
        await store.close()


class _HourAgo:
    """A clock that lets what is enqueued be old."""

    def now_ms(self) -> int:
        """Return the time of an hour ago."""
        return SystemClock().now_ms() - 3_600_000
