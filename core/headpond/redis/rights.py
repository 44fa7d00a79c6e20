"""Whether the login may do all that Headpond does: tried, on a key that is gone at once.

`ACL DRYRUN` would say the same from 7.0 on, but only to a login that has the rights of an
administrator, which is not the one that lacks any. So one script tries every command on a text:
what the login may not do is refused before Redis looks at the key's type; the rest fails on it.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING, Final

from headpond.findings import Finding, fine, refusal
from headpond.redis.keys import control_channel, queue_key, queues_key, trial_key, wake_channel
from headpond.redis.scripts import all_scripts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BRIEFLY_S: Final = "0.01"
"""Redis 6.2 takes a wait of one millisecond for one without an end."""

TRIAL: Final = "trial"
"""Instead of a queue's name. A queue may be called so, too: it has no column of this name."""

ARGUMENTS: Final = {
    "BZPOPMIN": BRIEFLY_S,
    "EXPIRE": "10",
    "GET": "",
    "HDEL": "a",
    "HEXISTS": "a",
    "HGET": "a",
    "HINCRBY": "a 1",
    "HMGET": "a",
    "HSCAN": "0",
    "HSET": "a 1",
    "HSETNX": "a 1",
    "HSTRLEN": "a",
    "INCRBY": "x",
    "LINDEX": "0",
    "LPUSH": "a",
    "LRANGE": "0 0",
    "LTRIM": "0 0",
    "PEXPIRE": "10000",
    "RPUSH": "a",
    "SADD": "a",
    "SET": "1 EX 10",
    "SETEX": "10 1",
    "SISMEMBER": "a",
    "SREM": "a",
    "XADD": "* a 1",
    "XDEL": "0-1",
    "XRANGE": "- + COUNT 1",
    "XREAD": "",
    "XREVRANGE": "+ - COUNT 1",
    "XTRIM": "MAXLEN 1",
    "ZADD": "0 a",
    "ZCOUNT": "0 1",
    "ZINCRBY": "0 a",
    "ZLEXCOUNT": "- +",
    "ZMSCORE": "a",
    "ZPOPMAX": "1",
    "ZPOPMIN": "1",
    "ZRANGE": "0 0",
    "ZRANGEBYLEX": "- +",
    "ZRANGEBYSCORE": "0 1",
    "ZRANK": "a",
    "ZREM": "a",
    "ZREMRANGEBYRANK": "0 0",
    "ZREMRANGEBYSCORE": "0 1",
    "ZREVRANGE": "0 0",
    "ZREVRANGEBYSCORE": "1 0",
    "ZSCAN": "0",
    "ZSCORE": "a",
}
"""What follows the key in a trial; commands that are not here have nothing but the key."""

PLAIN: Final = (
    "HMGET",
    "LRANGE",
    "SADD",
    "SISMEMBER",
    "SMEMBERS",
    "SREM",
    "XRANGE",
    "ZADD",
    "ZCARD",
)
"""Sent without a script; BZPOPMIN, SUBSCRIBE and the scripts themselves are tried apart."""

_CALLED: Final = re.compile(r"redis\.p?call\(\s*'([A-Z]+)'")
_SKIPPED: Final = {"PUBLISH", "TIME", "PERSIST"}
"""PUBLISH has a channel, TIME has nothing; PERSIST would let the trial's key stay."""


@cache
def commands() -> tuple[str, ...]:
    """Return every command that the scripts and the plain calls use on a key."""
    called = {name for script in all_scripts().values() for name in _CALLED.findall(script.source)}
    return tuple(sorted((called | set(PLAIN)) - _SKIPPED))


@cache
def script() -> tuple[str, str]:
    """Return the trial as source and SHA-1: it answers with `command message` for each refusal."""
    calls = [_call(name, "KEYS[1]", ARGUMENTS.get(name, "")) for name in commands()]
    calls += ["{'PERSIST', KEYS[2]}", "{'PUBLISH', ARGV[1], ''}", "{'TIME'}"]
    source = _TRIAL.format(calls=",\n  ".join(calls))
    return source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


def trials(namespace: str) -> dict[str, list[tuple[str | int, ...]]]:
    """Return the commands that try it all, for each key by which they find their node."""
    source, sha = script()
    key, absent = (queue_key(namespace, TRIAL, column) for column in ("trial", "absent"))
    listed, queues = trial_key(namespace), queues_key(namespace)
    channel = control_channel(namespace, TRIAL)
    return {
        key: [
            ("SET", key, "1", "EX", TRIAL_S),
            ("SCRIPT", "LOAD", source),
            ("EVALSHA", sha, 2, key, absent, channel),
            ("BZPOPMIN", absent, BRIEFLY_S),
            ("DEL", key),
        ],
        listed: [("SET", listed, "1", "EX", TRIAL_S), ("DEL", listed)],
        queues: [("SMEMBERS", queues), ("SREM", queues, "")],
    }


TRIAL_S: Final = 10
"""The words written as a trial go by themselves after this, should their removal get lost."""


def verdict(namespace: str, login: str, refused: Iterable[tuple[str, str]]) -> Finding:
    """Say what the login lacks, and the words that give it; `refused` is command and message."""
    lacks = _lacking(namespace, refused)
    if not lacks:
        return fine("rights", f"The login {login!r} may do all that Headpond does.")
    return refusal(
        "rights",
        f"The login {login!r} lacks rights that Headpond needs; give them:"
        f" ACL SETUSER {login} {' '.join(lacks)}",
    )


def refused_by(command: Sequence[str | int], reply: object) -> list[tuple[str, str]]:
    """Return which commands a reply refuses for want of a right, each with Redis' message."""
    if isinstance(reply, Exception):
        said = " ".join(map(str, command[:2])) if command[0] == "SCRIPT" else str(command[0])
        return [(said.replace(" ", "|"), str(reply))] if "NOPERM" in str(reply) else []
    if command[0] == "EVALSHA" and isinstance(reply, list):
        parts = [each.decode().partition(" ") for each in reply]
        return [(name, message) for name, _, message in parts]
    return []


def _lacking(namespace: str, refused: Iterable[tuple[str, str]]) -> list[str]:
    """Return ACL rules."""
    needs: dict[str, None] = {}
    for name, message in refused:
        if "channel" in message:
            needs[f"&{wake_channel(namespace).rpartition(':')[0]}:*"] = None
        elif "access" in message:
            needs[f"~{namespace}:*"] = None
            needs[f"~{{{namespace}:*"] = None
        else:
            needs[f"+{name.lower()}"] = None
    return list(needs)


def _call(name: str, key: str, arguments: str) -> str:
    words = ", ".join(f"'{word}'" for word in arguments.split())
    return f"{{'{name}', {key}{', ' if words else ''}{words}}}"


_TRIAL: Final = """\
local calls = {{
  {calls}
}}
local refused = {{}}
for _, call in ipairs(calls) do
  local reply = redis.pcall(unpack(call))
  if type(reply) == 'table' and reply.err then
    local why = reply.err
    if string.find(why, 'ermission') or string.find(why, "can't run")
        or string.find(why, "can't access") then
      refused[#refused + 1] = call[1] .. ' ' .. why
    end
  end
end
return refused
"""
