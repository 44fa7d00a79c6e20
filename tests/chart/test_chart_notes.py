"""What Helm says after an install: what to do next, and what is perhaps not meant so."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from chart import CHART, helm
from headpond.config import parse_documents

NO_REDIS = {"enabled": False}
DATABASE = {"url": "postgresql://db/rows"}

WARNINGS: list[tuple[dict[str, Any], str]] = [
    ({}, "No database is given"),
    ({"operator": {"enabled": False}}, "operator.enabled is false: nobody acts on QueueConfigs"),
    ({"api": {"enabled": False}}, "api.enabled is false: jobs can only be enqueued from Python"),
    ({"redis": {"persistence": {"enabled": False}}}, "every job is lost when the Redis pod goes"),
    ({"redis": NO_REDIS, "externalRedis": {"host": "r"}}, "The way to Redis is not encrypted"),
    ({"operator": {"clusterWide": True}}, "Copy those that are named in the ConfigMap headpond-"),
    ({"image": {"tag": "latest"}}, "The tag of the worker image is latest"),
    (
        {"api": {"image": {"tag": "1", "digest": "sha256:" + "0" * 64}}},
        "api.image.tag is not used, because api.image.digest is given",
    ),
    (
        {
            "operator": {"watchNamespaces": ["a", "b"]},
            "redis": {"auth": {"existingSecret": "login"}},
            "image": {"pullSecrets": [{"name": "registry"}]},
        },
        "Workers in a, b need Secrets there that the chart doesn't make: login, registry.",
    ),
]


def notes(program: str, values: dict[str, Any]) -> str:
    """Return the notes of an install that isn't done."""
    words = ("install", "headpond", str(CHART), "--namespace", "jobs", "--dry-run=client")
    said = helm(program, *words, "--values", "-", stdin=yaml.safe_dump(values))
    return said.partition("NOTES:\n")[2]


@pytest.mark.parametrize(("values", "sentence"), WARNINGS, ids=[each[1] for each in WARNINGS])
def test_what_is_odd_is_said(newest: str, values: dict[str, Any], sentence: str) -> None:
    """Values that work, and are perhaps not meant so, get a warning."""
    assert sentence in notes(newest, values)


def test_nothing_is_odd_about_an_ordinary_installation(newest: str) -> None:
    """With a database there is nothing to warn of."""
    assert "WARNING" not in notes(newest, {"database": DATABASE})


def test_a_queue_to_begin_with(newest: str) -> None:
    """The document that the notes show is a QueueConfig."""
    document = notes(newest, {}).partition("<<'QUEUE'\n")[2].partition("QUEUE\n")[0]
    (found,) = parse_documents(document)
    assert found.queue == "attendance"


def test_no_secret_is_shown(newest: str) -> None:
    """The notes say where the key is, and not what it is."""
    assert "hp_0123456789abcdef" not in notes(newest, {"apiKey": {"value": "hp_0123456789abcdef"}})


def test_where_it_is_reached_from_outside(newest: str) -> None:
    """An Ingress gives an address, with https where there is a certificate."""
    ingress = {"enabled": True, "hosts": ["jobs.example.com"]}
    assert "http://jobs.example.com/" in notes(newest, {"api": {"ingress": ingress}})
    ingress["tls"] = [{"secretName": "cert", "hosts": ["jobs.example.com"]}]
    assert "https://jobs.example.com/" in notes(newest, {"api": {"ingress": ingress}})
