"""URLs of Redis: what each form means, and what is refused by which sentence."""

from __future__ import annotations

import pytest

from headpond.errors import ConfigInvalid
from headpond.redis.address import Address, Kind, Node, Tls, parse

HERE = (Node("localhost", 6379),)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", Address(Kind.ALONE, HERE)),
        ("redis://:1234/2", Address(Kind.ALONE, (Node("localhost", 1234),), database=2)),
        ("redis://host?db=3", Address(Kind.ALONE, (Node("host", 6379),), database=3)),
        ("redis://[::1]:7/0", Address(Kind.ALONE, (Node("::1", 7),))),
        ("redis://:p%40s%2Fs%23@h", Address(Kind.ALONE, (Node("h", 6379),), password="p@s/s#")),
        ("redis://u:p@localhost", Address(Kind.ALONE, HERE, "u", "p")),
        ("unix:///a%20b?db=1", Address(Kind.ALONE, (Node(path="/a b"),), database=1)),
        ("unix://u:p@/redis.sock", Address(Kind.ALONE, (Node(path="/redis.sock"),), "u", "p")),
        ("rediss://localhost", Address(Kind.ALONE, HERE, tls=Tls())),
        (
            "rediss://localhost?ssl_cert_reqs=none&ssl_ca_certs=ca&ssl_certfile=c&ssl_keyfile=k",
            Address(Kind.ALONE, HERE, tls=Tls("none", False, "ca", certfile="c", keyfile="k")),  # noqa: FBT003
        ),
        (
            "rediss://localhost?ssl_check_hostname=False&ssl_cert_reqs=CERT_REQUIRED",
            Address(Kind.ALONE, HERE, tls=Tls(check_hostname=False)),
        ),
        (
            "redis://localhost?socket_timeout=2&socket_connect_timeout=0.5",
            Address(Kind.ALONE, HERE, connect_timeout_s=0.5, reply_timeout_s=2),
        ),
        (
            "redis+sentinel://u:p@a,b:1,[::2]/3?master=jobs&sentinel_username=w&sentinel_password=a+b",
            Address(
                Kind.SENTINEL,
                (Node("a", 26379), Node("b", 1), Node("::2", 26379)),
                "u",
                "p",
                3,
                master="jobs",
                sentinel_username="w",
                sentinel_password="a+b",
            ),
        ),
        (
            "rediss+cluster://a,b:7000/",
            Address(Kind.CLUSTER, (Node("a", 6379), Node("b", 7000)), tls=Tls()),
        ),
    ],
)  # fmt: skip
def test_address(url: str, address: Address) -> None:
    """Each form, with what it leaves out."""
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no address of a Redis; write redis://"),
        ("http://host", "no address of a Redis; write redis://"),
        ("redis+ring://host", "no address of a Redis; write redis://"),
        ("redis://host:70000", "no host and port"),
        ("redis://host:x", "no host and port"),
        ("redis://[::1", "no address of a Redis"),
        ("redis://host/name", "database of a Redis is a number"),
        ("redis://host?db=-1", "database of a Redis is a number"),
        ("redis://a,b", r"redis\+sentinel:// or redis\+cluster://"),
        ("redis://host?timeout=1", "'timeout' of this address is not known here; known are db"),
        ("redis://host?ssl_ca_certs=x", "'ssl_ca_certs' .* for rediss://"),
        ("redis://host?socket_timeout=0", "socket_timeout is '0'; it must be seconds"),
        ("redis://host?socket_timeout=nan", "socket_timeout is 'nan'"),
        ("rediss://host?ssl_cert_reqs=some", "'some'; it must be required, optional or none"),
        ("rediss://host?ssl_check_hostname=2", "'2'; it must be true or false"),
        ("rediss://host?ssl_keyfile=k", "ssl_keyfile is given without ssl_certfile"),
        ("redis+sentinel://host/0", r"\?master="),
        ("redis://host?master=jobs", r"options of redis\+sentinel:// alone"),
        ("redis+cluster://host/1", "database 0 alone, and this address names 1"),
        ("unix://redis.sock", "three slashes"),
        ("unix://", "three slashes"),
    ],
)
def test_refusal(url: str, said: str) -> None:
    """What can't be meant is refused by name, with what to write instead."""
    with pytest.raises(ConfigInvalid, match=said) as refused:
        parse(url)
    assert refused.value.errors[0].pointer == "/HEADPOND_REDIS_URL"


@pytest.mark.parametrize(
    "url",
    [
        "redis://:geheim/1@host:6379/0",
        "redis://:geheim#1@host:6379/0",
        "redis://:12?geheim=1@host:6379/0",
        "redis://:12/geheim@host:6379/0",
        "redis://:12#geheim",
        "redis://user:geheim",
        "geheim",
    ],
)
def test_address_that_can_not_be_read_is_not_repeated(url: str) -> None:
    """A password with a character that should have been encoded appears in no message."""
    with pytest.raises(ConfigInvalid) as refused:
        parse(url)
    assert "geheim" not in str(refused.value)
    assert "%" in str(refused.value)


def test_password_is_not_shown() -> None:
    """An address in a traceback tells no secret."""
    shown = repr(parse("redis+sentinel://u:geheim@a?master=m&sentinel_password=geheim"))
    assert "geheim" not in shown
    assert "'u'" in shown
