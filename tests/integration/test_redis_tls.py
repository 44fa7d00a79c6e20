"""Redis behind TLS, a password and a user with no more rights than the page on it names."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from certificates import Certificates
from headpond.errors import StoreUnavailable, StoreUnfit
from headpond.redis import RedisQueueStore
from logins import LOGIN, add_login
from redis_nodes import Server
from verbs import BEAT, use

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make them once."""
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.make()
    return made


def server_with(certificates: Certificates, name: str, **more: str) -> Server:
    """Build a server that speaks TLS alone, with one of the certificates."""
    options = {
        "port": "0",
        "bind": "127.0.0.1",
        "save": "",
        "tls-cert-file": certificates.file(f"{name}.crt"),
        "tls-key-file": certificates.file(f"{name}.key"),
        "tls-ca-cert-file": certificates.file("ca.crt"),
        "tls-auth-clients": "no",
        **more,
    }
    login = {
        "ssl": True,
        "ssl_cert_reqs": "none",
        "ssl_certfile": certificates.file("client.crt"),
        "ssl_keyfile": certificates.file("client.key"),
    }
    server = Server(certificates.dir / f"redis-{name}", options, login=login)
    server.options = {**options, "tls-port": str(server.port)}
    return server


@pytest.fixture(scope="module")
def tls(certificates: Certificates) -> Iterator[Server]:
    """Run a server that asks its clients for a certificate."""
    server = server_with(certificates, "server", **{"tls-auth-clients": "yes"})
    server.start()
    yield server
    server.stop()


def address(server: Server, certificates: Certificates, login: str = "", **options: str) -> str:
    """Write the address of a server; `options` replace those that are right."""
    given = {
        "ssl_ca_certs": certificates.file("ca.crt"),
        "ssl_certfile": certificates.file("client.crt"),
        "ssl_keyfile": certificates.file("client.key"),
        **options,
    }
    query = "&".join(f"{name}={value}" for name, value in given.items() if value)
    return f"rediss://{login}127.0.0.1:{server.port}/0?{query}"


async def refusal(url: str) -> str:
    """Return what both kinds of connection say against an address, which must be the same."""
    store = RedisQueueStore(url)
    keeper = store.leases("q", "w")
    try:
        with pytest.raises((StoreUnavailable, StoreUnfit)) as refused:
            await store.ping()
        with pytest.raises(StoreUnavailable):
            await asyncio.to_thread(keeper.renew, BEAT, [])
    finally:
        keeper.close()
        await store.close()
    return str(refused.value)


async def test_everything_works_behind_tls_and_a_login(
    tls: Server, certificates: Certificates, namespace: str
) -> None:
    """A certificate asked of both sides, and a user with the rights that the page names."""
    with tls.client() as client:
        add_login(client, namespace)
    store = RedisQueueStore(address(tls, certificates, f"{LOGIN}@"), namespace)
    try:
        await use(store, ["a", "b"])
    finally:
        await store.close()


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "other:key"),
        ("SUBSCRIBE", "other:wake"),
        ("FLUSHALL",),
        ("SCRIPT", "FLUSH"),
        ("EVAL", "return 1", 0),
        ("KEYS", "*"),
        ("CONFIG", "GET", "requirepass"),
    ],
)
async def test_the_login_may_do_nothing_else(
    tls: Server, certificates: Certificates, namespace: str, command: tuple[str, ...]
) -> None:
    """Another's keys and channels, other code than the scripts, and what ends all data."""
    with tls.client() as client:
        add_login(client, namespace)
    store = RedisQueueStore(address(tls, certificates, f"{LOGIN}@"), namespace)
    try:
        await store.ping()
        with pytest.raises(StoreUnfit, match="NOPERM"):
            await store.client.command(command)
    finally:
        await store.close()


async def test_wrong_password_is_said(tls: Server, certificates: Certificates) -> None:
    """It doesn't mend itself, so it is no mere absence; the password is not repeated."""
    said = await refusal(address(tls, certificates, "nobody:geheim@"))
    assert said.startswith("Redis refuses the login or the rights: WRONGPASS")
    assert "geheim" not in said


async def test_server_of_another_authority_is_refused(
    tls: Server, certificates: Certificates
) -> None:
    """Neither the system's authorities nor a stranger's vouch for it."""
    for ca in ("", certificates.file("other.crt")):
        said = await refusal(address(tls, certificates, ssl_ca_certs=ca))
        assert "certificate verify failed" in said


async def test_client_without_a_certificate_is_refused(
    tls: Server, certificates: Certificates
) -> None:
    """The server asks for one; the client hears that it is why."""
    await refusal(address(tls, certificates, ssl_certfile="", ssl_keyfile=""))


async def test_server_under_another_name_is_refused(
    certificates: Certificates, namespace: str
) -> None:
    """Its certificate is good, for a host of another name; one may ask not to look at that."""
    server = server_with(certificates, "elsewhere")
    server.start()
    try:
        assert "certificate verify failed" in await refusal(address(server, certificates))
        for lax in ({"ssl_check_hostname": "false"}, {"ssl_cert_reqs": "none", "ssl_ca_certs": ""}):
            store = RedisQueueStore(address(server, certificates, **lax), namespace)
            keeper = store.leases("q", "w")
            await store.ping()
            await asyncio.to_thread(keeper.leave)
            keeper.close()
            await store.close()
    finally:
        server.stop()


async def test_files_that_can_not_be_read_are_named(
    tls: Server, certificates: Certificates
) -> None:
    """A path with a slip is no absence of Redis."""
    gone = certificates.file("gone.crt")
    assert gone in await refusal(address(tls, certificates, ssl_ca_certs=gone))


async def test_plain_connection_to_a_server_of_tls_ends(tls: Server) -> None:
    """And the other way round: nobody waits for an answer for long."""
    assert "lost" in await refusal(f"redis://127.0.0.1:{tls.port}/0")
