"""Values that can't be installed are refused with a sentence, by either Helm."""

from __future__ import annotations

from typing import Any

import pytest

from chart import Refused, render

NO_REDIS: dict[str, Any] = {"enabled": False}
DIGEST = {"digest": "sha256:abc"}

SENTENCES: list[tuple[dict[str, Any], str]] = [
    ({"redis": NO_REDIS}, "redis.enabled is false and externalRedis says nothing"),
    ({"externalRedis": {"host": "r"}}, "redis.enabled is true and externalRedis names another"),
    (
        {"redis": NO_REDIS, "externalRedis": {"url": "redis://r", "host": "r"}},
        "externalRedis.url is the whole address; leave out externalRedis.host",
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"url": "redis://r", "existingSecret": "s"}},
        "externalRedis.url and externalRedis.existingSecret both give the address",
    ),
    (
        {
            "redis": NO_REDIS,
            "externalRedis": {"host": "r", "password": "p", "existingSecret": "s"},
        },
        "externalRedis.password and externalRedis.existingSecret both give the password",
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"url": "redis://r", "password": "p"}},
        "externalRedis.password needs externalRedis.host or .nodes",
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"url": "localhost:6379"}},
        "externalRedis.url must begin with redis://",
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"host": "r:6379"}},
        'externalRedis.host is "r:6379"; the port goes to externalRedis.port',
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"nodes": ["a:1"]}},
        "externalRedis.nodes are for mode sentinel or cluster",
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"mode": "cluster", "host": "r"}},
        "externalRedis.mode cluster needs externalRedis.nodes, and not .host",
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"mode": "sentinel", "nodes": ["a:1"]}},
        "externalRedis.mode sentinel needs externalRedis.master",
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"mode": "cluster", "nodes": ["a:1"], "database": 2}},
        "externalRedis.database is 2, and a cluster has the database 0 alone",
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"mode": "cluster", "existingSecret": "s"}},
        "externalRedis.mode is cluster, and no externalRedis.nodes are given",
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"host": "r", "master": "m"}},
        "externalRedis.master is for mode sentinel alone",
    ),
    (
        {"redis": NO_REDIS, "externalRedis": {"host": "r", "tls": {"caSecret": "ca"}}},
        "need externalRedis.tls.enabled=true",
    ),
    ({"redis": {"maxMemory": "256Mi"}}, 'redis.maxMemory is "256Mi"; Redis writes it as 256mb or'),
    ({"apiKey": {"value": "x" * 20, "existingSecret": "s"}}, "apiKey.value and apiKey.existingSe"),
    ({"apiKey": {"value": "short"}}, "apiKey.value has 5 characters; give at least 16, or none"),
    ({"apiKey": {"value": "long enough, but with spaces"}}, "has a space or a line's end in it"),
    ({"encryptionKeys": {"value": "secret"}}, "encryptionKeys.value must be id:key by commas"),
    (
        {"encryptionKeys": {"value": "x", "existingSecret": "s"}},
        "encryptionKeys.value and encryptionKeys.existingSecret are both given",
    ),
    (
        {"database": {"url": "postgresql://db", "existingSecret": "s"}},
        "database.url and database.existingSecret are both given",
    ),
    ({"database": {"url": "db"}}, "database.url is no URL; write postgresql://"),
    (
        {"redis": {"auth": {"password": "x" * 20, "existingSecret": "s"}}},
        "redis.auth.password and redis.auth.existingSecret are both given",
    ),
    ({"worker": {"image": DIGEST}}, 'worker.image.digest is "sha256:abc"; it must be sha256: and'),
    (
        {"operator": {"clusterWide": True, "watchNamespaces": ["a"]}},
        "operator.clusterWide watches every namespace",
    ),
    ({"operator": {"watchNamespaces": ["*"]}}, 'operator.watchNamespaces has "*", which is no'),
    ({"apps": ["my-app"]}, 'apps has "my-app", which is no name of a Python module'),
    ({"redisNamespace": "a{b"}, 'redisNamespace is "a{b"; use letters'),
    ({"api": {"ingress": {"enabled": True}}}, "api.ingress.enabled needs a host name"),
    ({"api": {"httpRoute": {"enabled": True}}}, "api.httpRoute.enabled needs a Gateway"),
    (
        {"api": {"autoscaling": {"minReplicas": 5, "maxReplicas": 2}}},
        "api.autoscaling.minReplicas 5 is more than maxReplicas 2",
    ),
    (
        {"api": {"enabled": False, "ingress": {"enabled": True, "hosts": ["h"]}}},
        "api.enabled is false, so api.ingress and api.httpRoute have nothing to lead to",
    ),
    ({"queues": {"Attendance": {}}}, 'queues has "Attendance": Kubernetes wants lower-case'),
    ({"queues": {"a": {"replicas": 3}}}, "queues.a.replicas is only obeyed with scaling.mode Man"),
    ({"queues": {"a": {"spec": {}}}}, "queues.a holds a spec: write what is in it directly"),
]

SHAPES: list[tuple[dict[str, Any], str]] = [
    ({"operators": {}}, "operators"),
    ({"api": {"replica": 2}}, "replica"),
    ({"api": {"replicas": "two"}}, "replicas"),
    ({"redis": {"image": {"tag": 8}}}, "tag"),
    ({"logLevel": "loud"}, "logLevel"),
    ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
    ({"externalRedis": {"mode": "alone"}}, "mode"),
    ({"externalRedis": {"port": 0}}, "port"),
    ({"api": {"nodeSelector": {"gpu": True}}}, "gpu"),
    ({"api": {"tolerations": ["all"]}}, "tolerations"),
    ({"queues": {"a": "fast"}}, "queues"),
    ({"queues": ["a"]}, "queues"),
    ({"apps": "headpond_school"}, "apps"),
]


@pytest.mark.parametrize(("values", "sentence"), SENTENCES, ids=[each[1] for each in SENTENCES])
def test_contradictions_get_a_sentence(helm: str, values: dict[str, Any], sentence: str) -> None:
    """What contradicts itself is refused, with what to do instead."""
    with pytest.raises(Refused) as refused:
        render(helm, values)
    assert f"\n- {sentence}" in str(refused.value) or sentence in str(refused.value)
    assert "docs/reference/chart.md" in str(refused.value)


@pytest.mark.parametrize(("values", "name"), SHAPES, ids=[each[1] for each in SHAPES])
def test_wrong_names_and_types_are_named(helm: str, values: dict[str, Any], name: str) -> None:
    """The schema refuses names that don't exist and values of another type, and says where."""
    with pytest.raises(Refused, match=name) as refused:
        render(helm, values)
    assert "specifications of the schema" in str(refused.value)


def test_all_faults_are_said_at_once(newest: str) -> None:
    """Nobody has to install five times to hear five sentences."""
    values = {"redis": NO_REDIS, "apps": ["my-app"], "database": {"url": "db"}}
    with pytest.raises(Refused) as refused:
        render(newest, values)
    assert str(refused.value).count("\n- ") == 3


def test_no_sentence_shows_a_secret(newest: str) -> None:
    """What is wrong with a secret is said without it."""
    secret = "hunter2 hunter2 hunter2"
    values = {
        "apiKey": {"value": secret},
        "encryptionKeys": {"value": secret},
        "database": {"url": secret},
        "redis": NO_REDIS,
        "externalRedis": {"url": secret, "password": secret},
    }
    with pytest.raises(Refused) as refused:
        render(newest, values)
    assert "hunter2" not in str(refused.value)
