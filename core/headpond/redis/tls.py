"""What a TLS connection checks and shows, from the options of the URL."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from headpond.errors import StoreUnfit

if TYPE_CHECKING:
    from headpond.redis.address import Tls

_REQS: Final = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}


def context(tls: Tls) -> ssl.SSLContext:
    """Read the files and return a context; a given authority replaces the system's."""
    try:
        made = ssl.create_default_context(cafile=tls.ca_certs or None, capath=tls.ca_path or None)
        if tls.certfile:
            made.load_cert_chain(tls.certfile, tls.keyfile or None)
    except OSError as error:
        files = ", ".join(filter(None, (tls.ca_certs, tls.ca_path, tls.certfile, tls.keyfile)))
        raise StoreUnfit(
            f"TLS to Redis can't begin: {error}; look at {files or 'the authorities'}."
        ) from error
    made.check_hostname = tls.check_hostname
    made.verify_mode = _REQS[tls.cert_reqs]
    return made
