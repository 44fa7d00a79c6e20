"""What the login may do is tried at the start: each right that it lacks is named."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import headpond.redis
from headpond.errors import StoreUnfit
from headpond.redis import RedisQueueStore, rights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis_server import RedisServer

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "check-an-installation.md"
ACL_LINE = re.compile(r"^ACL SETUSER worker on >PASSWORD (.*)$", re.MULTILINE)


@contextmanager
def login(server: RedisServer, *rules: str) -> Iterator[str]:
    """Let there be a login with these rules; gives its address."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "worker", "reset", "on", ">pw", *rules)
        try:
            yield server.url.replace("://", "://worker:pw@")
        finally:
            client.acl_deluser("worker")


async def refusal(url: str, namespace: str) -> str:
    """Return the gate's sentence; `""` when it lets pass."""
    store = RedisQueueStore(url, namespace)
    try:
        await store.start()
    except StoreUnfit as error:
        return str(error)
    finally:
        await store.close()
    return ""


async def test_the_rights_that_the_page_names_are_enough(
    redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """An installation's login needs its own keys and channels, and nothing of an administrator."""
    found = ACL_LINE.search(PAGE.read_text("utf-8"))
    assert found
    rules = found[1].replace("headpond", namespace).split()
    with login(redis_server, "resetchannels", *rules) as url:
        assert await refusal(url, namespace) == ""


@pytest.mark.parametrize(
    ("rules", "lacks"),
    [
        (["~*", "&*", "+@all", "-zadd", "-time", "-publish"], "+publish +time +zadd"),
        (["~*", "&*", "+@all", "-bzpopmin"], "+bzpopmin"),
        (["~*", "&*", "+@all", "-smembers"], "+smembers"),
        (["~*", "&*", "+@all", "-script"], "+script|load"),
        (["~other:*", "&*", "+@all"], "~NS:* ~{NS:*"),
        (["~*", "resetchannels", "+@all"], "&NS:*"),
    ],
)
async def test_a_missing_right_is_named_with_the_words_that_give_it(
    redis_server: RedisServer, redis_url: str, namespace: str, rules: list[str], lacks: str
) -> None:
    """A sentence at the start is better than an error at the first job."""
    with login(redis_server, *rules) as url:
        sentence = await refusal(url, namespace)
    head, _, rest = sentence.partition(": ACL SETUSER worker ")
    assert head == "The login 'worker' lacks rights that Headpond needs; give them"
    wanted = set(lacks.replace("NS", namespace).split())
    assert wanted <= set(rest.split())


async def test_a_login_that_may_not_ask_is_refused(
    redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """Without INFO nobody would know that Redis evicts jobs."""
    with login(redis_server, "~*", "&*", "+@all", "-info") as url:
        assert (await refusal(url, namespace)).endswith("ACL SETUSER worker +info")


async def test_the_trial_leaves_nothing_behind(
    redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """Neither when it may do everything, nor when it may not even remove what it wrote."""
    with redis_server.client() as client:
        assert await refusal(redis_url, namespace) == ""
        assert client.dbsize() == 0
        with login(redis_server, "~*", "&*", "+@all", "-del") as url:
            assert "+del" in await refusal(url, namespace)
        assert all(0 < client.ttl(key) <= rights.TRIAL_S for key in client.scan_iter())


def test_every_command_that_is_sent_is_tried() -> None:
    """Whoever uses another one in a script or beside them enters what it is tried with."""
    tried = {*rights.commands(), "BZPOPMIN", "SUBSCRIBE", "EVALSHA", "SCRIPT", "INFO", "PING"}
    folder = Path(headpond.redis.__file__).parent
    sent = {
        name
        for path in folder.glob("*.py")
        if path.name not in {"rights.py", "gate.py", "replies.py"}
        for name in re.findall(r"\(\s*\"([A-Z]{3,})\"", path.read_text("utf-8"))
    }
    of_servers = {"AUTH", "SELECT", "ROLE", "CLUSTER", "SENTINEL", "ASKING", "WAIT", "WAITAOF"}
    assert sent - of_servers - tried == set()


async def test_no_trial_is_wrong_in_itself(
    redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """A trial with too few words would be refused before the right to it is looked at."""
    with redis_server.client() as client:
        client.set(f"{namespace}:text", "1")
        wrong = []
        for name in rights.commands():
            reply = client.eval(
                "local reply = redis.pcall(unpack(ARGV)) "
                "return type(reply) == 'table' and reply.err or ''",
                0,
                name,
                f"{namespace}:text",
                *rights.ARGUMENTS.get(name, "").split(),
            )
            if b"wrong number" in reply.lower() or b"unknown" in reply.lower():
                wrong.append((name, reply))
    assert wrong == []
