"""Skaffold's own JSON schema, out of its Go module; kept in `build/skaffold`, never committed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import urllib.request
import zipfile
from typing import Any, Final

from tree import ROOT

PROXY: Final = "https://proxy.golang.org"
MODULE: Final = "github.com/GoogleContainerTools/skaffold/v2"
RELEASE: Final = "v2.16.1"
VERSION: Final = "v4beta13"
SHA256: Final = "60aa19bdc634299263af120abee0ca47162315511dd10788f19f4741147857b9"
FETCHED_WITHIN_S: Final = 60
KEPT: Final = ROOT / "build" / "skaffold" / f"{VERSION}.json"


class NotHere(Exception):  # noqa: N818 (no fault: the machine is as it is)
    """The schema can't be had on this machine; the sentence says why."""


def schema() -> dict[str, Any]:
    """Return the schema of `VERSION`, fetched once; raise `NotHere`."""
    if not KEPT.exists():
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        part = KEPT.with_suffix(f".{os.getpid()}")
        part.write_bytes(_fetched())
        part.rename(KEPT)
    found: dict[str, Any] = json.loads(KEPT.read_text("utf-8"))
    return found


def _fetched() -> bytes:
    proxies = [each for each in os.environ.get("GOPROXY", "").split(",") if "://" in each]
    # The proxy writes capital letters as `!` and the small one.
    path = "".join(f"!{each.lower()}" if each.isupper() else each for each in MODULE)
    url = f"{(proxies or [PROXY])[0]}/{path}/@v/{RELEASE}.zip"
    try:
        request = urllib.request.Request(url)  # noqa: S310 (https, or what GOPROXY says)
        with urllib.request.urlopen(request, timeout=FETCHED_WITHIN_S) as answer:  # noqa: S310
            archive = io.BytesIO(answer.read())
    except OSError as error:
        message = f"Skaffold's schema can't be fetched from {url}: {error}"
        raise NotHere(message) from None
    name = f"{MODULE}@{RELEASE}/docs-v2/content/en/schemas/{VERSION}.json"
    with zipfile.ZipFile(archive) as module:
        found = module.read(name)
    if hashlib.sha256(found).hexdigest() != SHA256:
        message = f"{url} holds another {VERSION}.json than the one that is known."
        raise RuntimeError(message)
    return found
