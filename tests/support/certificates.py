"""Certificates of the tests' own, made by the openssl that Redis itself needs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """An authority, a certificate for `127.0.0.1` and one for a client."""

    dir: Path

    def make(self) -> None:
        """Make them all."""
        self._authority("ca")
        self._authority("other")
        self._signed("server", "subjectAltName=IP:127.0.0.1")
        self._signed("elsewhere", "subjectAltName=DNS:redis.example")
        self._signed("client", "extendedKeyUsage=clientAuth")

    def file(self, name: str) -> str:
        """Return the path of one, such as `ca.crt`."""
        return str(self.dir / name)

    def _authority(self, name: str) -> None:
        self._run(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-keyout", self.file(f"{name}.key"), "-out", self.file(f"{name}.crt")),
        )

    def _signed(self, name: str, extension: str) -> None:
        request, told = self.file(f"{name}.csr"), self.dir / f"{name}.ext"
        told.write_text(extension)
        self._run(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={name}", "-keyout", self.file(f"{name}.key"), "-out", request),
        )
        self._run(
            *("x509", "-req", "-in", request, "-days", "2", "-CAcreateserial"),
            *("-CA", self.file("ca.crt"), "-CAkey", self.file("ca.key")),
            *("-extfile", str(told), "-out", self.file(f"{name}.crt")),
        )

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True)
