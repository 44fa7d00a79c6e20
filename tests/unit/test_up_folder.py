"""The data folder: one owner at a time, a key that stays, paths that every kernel takes."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from headpond.cli.up.folder import LONGEST_SOCKET, DataFolder
from headpond.errors import ConfigInvalid, Conflict, KeyMissing
from headpond.settings import KeySettings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    """The second is told who the first is; afterwards the folder is free again."""
    first, second = DataFolder(tmp_path / "d"), DataFolder(tmp_path / "d")
    first.lock()
    with pytest.raises(Conflict, match=r"is in use by another headpond up \(process \d+\)"):
        second.lock()
    first.release()
    second.lock()
    second.release()


def test_a_run_that_was_cut_off_is_noticed(tmp_path: Path) -> None:
    """What it left behind may need a moment to end."""
    assert not cut_off(tmp_path, end=False)
    assert cut_off(tmp_path, end=True)
    assert not cut_off(tmp_path, end=True)


def cut_off(path: Path, *, end: bool) -> bool:
    """Take the folder and give it back, in order or not; return what it says of the run before."""
    folder = DataFolder(path)
    folder.lock()
    if end:
        folder.mark_ended()
    folder.release()
    return folder.was_cut_off


def test_the_key_is_made_once_and_for_the_owner_s_eyes(tmp_path: Path) -> None:
    """A restart must not lock anybody out."""
    folder = DataFolder(tmp_path)
    folder.lock()
    key = folder.key()
    assert key.startswith("hp_")
    assert len(key) >= 32
    assert folder.key() == key
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    folder.release()


def test_encryption_key_is_made_once_and_for_the_owner_s_eyes(tmp_path: Path) -> None:
    """A restart opens what was sealed before; another folder has another key of another id."""
    folder = DataFolder(tmp_path)
    path = folder.encryption_keys()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = KeySettings(encryption_keys_file=str(path)).keyring()
    again = KeySettings(encryption_keys_file=str(folder.encryption_keys())).keyring()
    assert again.open(first.seal(b"x", b""), b"") == b"x"
    (tmp_path / "encryption-keys").unlink()
    other = KeySettings(encryption_keys_file=str(folder.encryption_keys())).keyring()
    with pytest.raises(KeyMissing):
        other.open(first.seal(b"x", b""), b"")


def test_what_can_t_be_a_folder_is_refused(tmp_path: Path) -> None:
    """With the path and the system's reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigInvalid, match=r"/data: .*file/d' can't be used: Not a directory\."):
        DataFolder(tmp_path / "file" / "d").lock()


def test_the_socket_s_path_is_short_enough_for_every_kernel(tmp_path: Path) -> None:
    """In the folder where it fits, else in a private one."""
    near, far = DataFolder(tmp_path), DataFolder(tmp_path / ("x" * 100))
    if len(str(tmp_path)) < LONGEST_SOCKET - len("/redis.sock"):
        assert near.socket() == tmp_path / "redis.sock"
    short = far.socket()
    assert len(str(short)) <= LONGEST_SOCKET
    assert stat.S_IMODE(short.parent.stat().st_mode) == 0o700
    short.parent.rmdir()
