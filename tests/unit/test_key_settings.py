"""Keys from the environment or from a file: one of the two, and refused by name."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from headpond.cli.check.variables import look_at_variables
from headpond.errors import ConfigInvalid
from headpond.settings import ApiSettings, KeySettings, WorkerSettings
from headpond_api.__main__ import api
from headpond_workers.__main__ import worker

if TYPE_CHECKING:
    from pathlib import Path

KEY: Final = base64.b64encode(bytes(range(32))).decode()
KEYS, FILE = "HEADPOND_ENCRYPTION_KEYS", "HEADPOND_ENCRYPTION_KEYS_FILE"


@pytest.mark.parametrize("settings", [KeySettings, ApiSettings, WorkerSettings])
def test_encryption_keys_come_from_the_environment(
    settings: type[KeySettings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The list itself, or the name of a file with a line each; none is fine too."""
    assert not settings().keyring()
    monkeypatch.setenv(KEYS, f"a:{KEY}")
    assert repr(settings().keyring()) == "Keyring(a)"
    assert KEY not in repr(settings())
    monkeypatch.delenv(KEYS)
    (tmp_path / "keys").write_text(f"b:{KEY}\n")
    monkeypatch.setenv(FILE, str(tmp_path / "keys"))
    assert repr(settings().keyring()) == "Keyring(b)"


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        (None, {}, "can't be read: No such file or directory."),
        (b"\xff", {}, "can't be read: it is not UTF-8."),
        (b"# nothing yet\n", {}, "holds no key."),
        (b"k:short\n", {}, "/: Key 1 ('k') is no base64."),
        (f"k:{KEY}".encode(), {"encryption_keys": f"k:{KEY}"}, "Leave one out."),
    ],
)
def test_encryption_keys_file_is_refused_by_name(
    content: bytes | None, more: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """The sentence names the variable, the file and what is wrong with it."""
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigInvalid) as caught:
        KeySettings(encryption_keys_file=str(path), **more).keyring()
    assert str(caught.value).startswith(FILE)
    assert said in str(caught.value)
    assert KEY not in str(caught.value)


def test_encryption_bad_keys_are_found_by_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """`headpond check` says the same sentence, once."""
    monkeypatch.setenv(KEYS, f"k:{KEY[:-4]}")
    (found,) = look_at_variables({KEYS: "…"})
    assert found.sentence.startswith(f"{KEYS}: /: Key 1 ('k') has 30 bytes instead of 32.")


@pytest.mark.parametrize("command", [api, worker])
def test_encryption_bad_keys_end_every_process_at_its_start(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With exit code 2 and one sentence, before anything is connected."""
    monkeypatch.setenv(KEYS, f"k:{KEY[:-4]}")
    monkeypatch.setenv("HEADPOND_APPS", "vault_app")
    words = ["--queue", "vault"] if command is worker else []
    ended = CliRunner().invoke(command, words)
    assert ended.exit_code == 2
    assert f"{KEYS}: /: Key 1 ('k') has 30 bytes instead of 32." in ended.output
    assert KEY[:8] not in ended.output
