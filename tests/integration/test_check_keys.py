"""`headpond check` and the keys: whoever needs some is told before the first job is refused."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore
from shell import a_shell

PLAIN = """\
from headpond import App
app = App("mailer")
mail = app.queue("mail")

@mail.job("send")
async def send(payload: dict) -> None: ...
"""
ENCRYPTED = PLAIN.replace('"mail")', '"mail", encrypt_payload=True)')
SENSITIVE = PLAIN.replace("import App", "import App, Sensitive").replace("dict", "Sensitive[str]")
DOCUMENT = """\
apiVersion: headpond.dev/v1alpha1
kind: QueueConfig
metadata: {name: mail}
spec: {jobs: {encryptPayload: true}}
"""
KEYS = "k1:" + base64.b64encode(bytes(32)).decode()


@pytest.fixture
def environ(redis_url: str, namespace: str) -> dict[str, str]:
    """Give the variables that say where Redis is."""
    return {"HEADPOND_REDIS_URL": redis_url, "HEADPOND_NAMESPACE": namespace}


def found(folder: Path, *words: str, **environ: str) -> dict[str, tuple[str, str]]:
    """Run `headpond check` there; return result and sentence by name."""
    answer = subprocess.run(
        [Path(sys.executable).with_name("headpond"), "check", "--json", *words],
        cwd=folder,
        env={**a_shell(), **environ},
        capture_output=True,
        check=False,
        timeout=50,
    )
    rows = json.loads(answer.stdout)["findings"]
    return {row["name"]: (row["result"], row["sentence"]) for row in rows}


@pytest.mark.parametrize(
    ("code", "document", "who"),
    [(ENCRYPTED, "", "queue 'mail'"), (SENSITIVE, "", "'send'"), (PLAIN, DOCUMENT, "queue 'mail'")],
)
def test_keys_that_are_missing(
    tmp_path: Path, environ: dict[str, str], code: str, document: str, who: str
) -> None:
    """The code, a sensitive field or a document of the file wants them."""
    (tmp_path / "my_app.py").write_text(code)
    words = ["my_app"]
    if document:
        (tmp_path / "queues.yaml").write_text(document)
        words += ["-f", "queues.yaml"]
    result, sentence = found(tmp_path, *words, **environ)["keys"]
    assert result == "fail"
    assert who in sentence
    assert "HEADPOND_ENCRYPTION_KEYS" in sentence
    said = found(tmp_path, *words, **environ, HEADPOND_ENCRYPTION_KEYS=KEYS)
    assert said["keys"][0] == "ok"


async def test_keys_that_the_settings_in_force_want(
    tmp_path: Path, environ: dict[str, str], redis_url: str, namespace: str
) -> None:
    """Nothing is said of keys before; then the queue's document in Redis asks for some."""
    (tmp_path / "my_app.py").write_text(PLAIN)
    assert "keys" not in found(tmp_path, "my_app", **environ)
    store = RedisQueueStore(redis_url, namespace)
    await store.start()
    try:
        document = '{"jobs": {"encryptPayload": true}}'
        await store.configure("mail", QueueSettings(document=document))
    finally:
        await store.close()
    assert found(tmp_path, "my_app", **environ)["keys"][0] == "fail"
