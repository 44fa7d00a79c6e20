"""Where Redis is and how one logs in there: a URL, read and checked. Nothing connects here.

No sentence of this module repeats what it could not read: it may be a part of the password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from typing_extensions import override

from headpond.errors import ConfigInvalid, FieldError

if TYPE_CHECKING:
    from collections.abc import Callable
    from urllib.parse import SplitResult

PORT: Final = 6379
SENTINEL_PORT: Final = 26379
HIGHEST_PORT: Final = 65535

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.%\w]+\]|[^:\[\]@/]*)(?::([0-9]{1,5}))?", re.ASCII)
_SAY: Final = (
    "write redis://user:password@host:6379/0, rediss:// for TLS, redis+sentinel://…?master=name,"
    " redis+cluster://… or unix:///path, and a password's special characters as %2F, %23, …."
)


class Kind(StrEnum):
    """How the Redis is made."""

    ALONE = "alone"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Node:
    """One server process."""

    host: str = ""
    port: int = 0
    path: str = ""
    """Of its Unix socket; then it has neither host nor port."""

    @override
    def __str__(self) -> str:
        """Name it in a sentence."""
        return self.path or f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """What TLS checks and shows; the files are read at each connect, so they may be renewed."""

    cert_reqs: str = "required"
    """`required`, `optional` or `none`."""
    check_hostname: bool = True
    ca_certs: str = ""
    """File of the authorities to trust; empty: those of the system."""
    ca_path: str = ""
    """Folder of such files."""
    certfile: str = ""
    keyfile: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """A Redis URL."""

    kind: Kind
    nodes: tuple[Node, ...]
    """The server; the sentinels; some nodes of the cluster."""
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: Tls | None = None
    master: str = ""
    """What the sentinels call the primary."""
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)
    connect_timeout_s: float = 2.0
    """From the first packet to the end of the greeting."""
    reply_timeout_s: float = 5.0
    """A connection that owes an answer this long is given up: half-open ones look just so."""

    def greeting(self) -> list[tuple[str | int, ...]]:
        """Return what to say first on a connection to a server that holds jobs."""
        words: list[tuple[str | int, ...]] = []
        if self.username:
            words.append(("AUTH", self.username, self.password))  # a user may have no password
        elif self.password:
            words.append(("AUTH", self.password))
        if self.database:
            words.append(("SELECT", self.database))
        if self.kind is Kind.SENTINEL:
            words.append(("ROLE",))
        return words

    def of_sentinels(self) -> Address:
        """Return how each of the sentinels is reached."""
        return replace(
            self,
            kind=Kind.ALONE,
            username=self.sentinel_username,
            password=self.sentinel_password,
            database=0,
        )


def parse(url: str) -> Address:
    """Read a URL, or raise `ConfigInvalid` with what to write instead.

    >>> str(parse("redis+sentinel://a,b:1/0?master=jobs").nodes[0])
    'a:26379'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _refusal(f"This is no address of a Redis; {_SAY}") from None
    base, _, kind = parts.scheme.partition("+")
    if (
        parts.scheme != "unix"
        and (base not in {"redis", "rediss"} or kind not in {"", "sentinel", "cluster"})
    ) or any("@" in part for part in (parts.path, parts.query, parts.fragment)):
        raise _refusal(f"This is no address of a Redis; {_SAY}")
    if parts.fragment:
        raise _refusal(f"A # is in this address of a Redis; {_SAY}")
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    options = _options(parts)
    address = Address(
        Kind(kind or "alone"),
        _nodes(parts, hosts, SENTINEL_PORT if kind == "sentinel" else PORT),
        unquote(username),
        unquote(password),
        _database(parts, options),
        _tls(options) if base == "rediss" else None,
        options.pop("master", ""),
        options.pop("sentinel_username", ""),
        options.pop("sentinel_password", ""),
        _number(options, "socket_connect_timeout", 2.0, _seconds),
        _number(options, "socket_timeout", 5.0, _seconds),
    )
    _check(address, options)
    return address


def _refusal(detail: str) -> ConfigInvalid:
    return ConfigInvalid([FieldError("/HEADPOND_REDIS_URL", detail)])


def _nodes(parts: SplitResult, hosts: str, port: int) -> tuple[Node, ...]:
    if parts.scheme == "unix":
        if hosts or not parts.path:
            raise _refusal("An address unix://… needs a path with three slashes: unix:///path.")
        return (Node(path=unquote(parts.path)),)
    nodes = []
    for each in hosts.split(","):
        found = _HOST.fullmatch(each)
        if found is None or not 0 < int(found[2] or port) <= HIGHEST_PORT:
            raise _refusal(f"This address of a Redis has no host and port to be read; {_SAY}")
        nodes.append(Node(unquote(found[1].strip("[]")) or "localhost", int(found[2] or port)))
    if "+" not in parts.scheme and len(nodes) > 1:
        raise _refusal(
            "Several hosts need redis+sentinel:// or redis+cluster://; this is redis://."
        )
    return tuple(nodes)


def _options(parts: SplitResult) -> dict[str, str]:
    """Return the query's options; unlike a form's, a + in them is a +."""
    pairs = (part.partition("=") for part in parts.query.split("&") if part)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _database(parts: SplitResult, options: dict[str, str]) -> int:
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    given = options.pop("db", path) or "0"
    if not given.isascii() or not given.isdigit():
        raise _refusal(f"The database of a Redis is a number, as in redis://host:6379/0; {_SAY}")
    return int(given)


def _tls(options: dict[str, str]) -> Tls:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    reqs = options.pop("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    check = options.pop("ssl_check_hostname", "true").lower()
    if reqs not in {"required", "optional", "none"}:
        raise _refusal(f"ssl_cert_reqs is {reqs!r}; it must be required, optional or none.")
    if check not in words:
        raise _refusal(f"ssl_check_hostname is {check!r}; it must be true or false.")
    tls = Tls(
        reqs,
        words[check] and reqs != "none",
        options.pop("ssl_ca_certs", ""),
        options.pop("ssl_ca_path", ""),
        options.pop("ssl_certfile", ""),
        options.pop("ssl_keyfile", ""),
    )
    if tls.keyfile and not tls.certfile:
        raise _refusal("ssl_keyfile is given without ssl_certfile; give both, or neither.")
    return tls


def _number(
    options: dict[str, str], name: str, default: float, read: Callable[[str], float]
) -> float:
    given = options.pop(name, "")
    try:
        return read(given) if given else default
    except ValueError:
        raise _refusal(f"{name} is {given!r}; it must be seconds, from 0.05 to 300.") from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.05 <= seconds <= 300:  # noqa: PLR2004 (said in the sentence)
        raise ValueError
    return seconds


def _check(address: Address, options: dict[str, str]) -> None:
    """Refuse what the parts say together."""
    if options:
        known = "db, socket_timeout, socket_connect_timeout"
        raise _refusal(
            f"The option {min(options)!r} of this address is not known here; known are {known},"
            " for rediss:// ssl_cert_reqs, ssl_check_hostname, ssl_ca_certs, ssl_ca_path,"
            " ssl_certfile and ssl_keyfile, and for redis+sentinel:// master, sentinel_username"
            " and sentinel_password."
        )
    if address.kind is Kind.CLUSTER and address.database:
        raise _refusal(
            f"A Redis Cluster has the database 0 alone, and this address names {address.database};"
            " leave it out, and keep installations apart by HEADPOND_NAMESPACE."
        )
    if address.kind is Kind.SENTINEL and not address.master:
        raise _refusal(
            "An address redis+sentinel://… must say what the sentinels call the primary: ?master=…."
        )
    if address.kind is not Kind.SENTINEL and (
        address.master or address.sentinel_username or address.sentinel_password
    ):
        raise _refusal("master and sentinel_… are options of redis+sentinel:// alone.")
