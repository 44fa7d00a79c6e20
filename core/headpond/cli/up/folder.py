"""The data folder of `headpond up`: everything that survives a restart, and the lock on it."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from headpond.errors import ConfigInvalid, Conflict, FieldError
from headpond.sealing.keys import KEY_BYTES

LONGEST_SOCKET: Final = 100
"""Bytes of a Unix socket's path that every kernel takes (Linux 107, macOS 103)."""

KEYS_HEAD: Final = """\
# Encrypts payloads. Without this file, sealed jobs can't be read: keep it, and keep it secret.
# The first key seals, all of them open. To rotate, put a new line `id:key` on top.
"""


class DataFolder:
    """A folder that belongs to one `headpond up` at a time."""

    def __init__(self, path: Path) -> None:
        """Name it; nothing is made before `lock`."""
        self.path = path.absolute()
        self.was_cut_off = False
        """The run before did not end by itself; its children may still be ending."""
        self._lock_fd = -1

    @property
    def redis(self) -> Path:
        """Where Redis keeps the jobs."""
        return self.path / "redis"

    @property
    def logs(self) -> Path:
        """What the child processes write."""
        return self.path / "logs"

    @property
    def database_url(self) -> str:
        """SQLite, for the apps' own tables."""
        return f"sqlite+aiosqlite:///{self.path / 'headpond.db'}"

    def lock(self) -> None:
        """Make the folder and take it, or raise `Conflict` with who has it."""
        try:
            for folder in (self.path, self.redis, self.logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock_fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            fault = FieldError("/data", f"{str(self.path)!r} can't be used: {error.strerror}.")
            raise ConfigInvalid([fault]) from error
        if not try_lock(self._lock_fd):
            owner = _read(self._lock_fd)
            self.release()
            raise Conflict(
                f"{self.path} is in use by another headpond up (process {owner or 'unknown'});"
                " stop that one, or choose another folder with --data."
            )
        self.was_cut_off = bool(_read(self._lock_fd))
        _write(self._lock_fd, str(os.getpid()))

    def release(self) -> None:
        """Give the folder back after an orderly end."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def mark_ended(self) -> None:
        """Note that everything has ended in order."""
        _write(self._lock_fd, "")

    def key(self) -> str:
        """Return the API key, made the first time and kept for the owner's eyes."""
        path = self.path / "key"
        with suppress(FileNotFoundError):
            kept = path.read_text().strip()
            if kept:
                return kept
        made = f"hp_{secrets.token_urlsafe(24)}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(made + "\n")
        return made

    def encryption_keys(self) -> Path:
        """Return the file of the keys that payloads are encrypted with, made the first time.

        The key's id follows from the key: should the file be lost, jobs that were sealed with it
        wait for it, and aren't taken for damaged.
        """
        path = self.path / "encryption-keys"
        if not path.exists():
            key = secrets.token_bytes(KEY_BYTES)
            name = f"up-{hashlib.sha256(key).hexdigest()[:8]}"
            made = path.with_suffix(".new")
            with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as it:
                it.write(f"{KEYS_HEAD}{name}:{base64.b64encode(key).decode()}\n")
                it.flush()
                os.fsync(it.fileno())
            made.replace(path)  # whole or not at all
        return path

    def socket(self) -> Path:
        """Return where Redis listens: in the folder, or in a private one when that is too long."""
        path = self.path / "redis.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET:
            return path
        return Path(tempfile.mkdtemp(prefix="headpond-")) / "redis.sock"


def socket_url(path: Path) -> str:
    """Return the address of a Redis that listens at a Unix socket.

    >>> socket_url(Path("/a b/redis.sock"))
    'unix:///a%20b/redis.sock?db=0'
    """
    return f"unix://{quote(str(path))}?db=0"


def try_lock(fd: int) -> bool:
    """Take the lock on an open file unless somebody has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(fd: int) -> str:
    return os.pread(fd, 32, 0).decode(errors="replace").strip()


def _write(fd: int, text: str) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, text.encode(), 0)
