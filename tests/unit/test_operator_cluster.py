"""What is known of the cluster: the newest word counts, in whatever order the words come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headpond_operator.cluster import (
    DEPLOYMENTS,
    HPAS,
    MOST_GRAVES,
    QUEUES,
    SCALED_OBJECTS,
    Cluster,
)
from headpond_operator.objects import SCALE_MANAGER, Key
from operator_cases import KEY, WORKERS, a_cluster, a_deployment, a_queueconfig, an_autoscaler

EAGER = Key("shop", "eager")
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "queue": (QUEUES, a_queueconfig(version=5)),
    "deployment": (DEPLOYMENTS, a_deployment(version=5)),
    "hpa": (HPAS, an_autoscaler("attendance-worker", version=5)),
    "scaledobject": (SCALED_OBJECTS, an_autoscaler("attendance-worker", version=5)),
}
EACH_KIND = pytest.mark.parametrize(("kind", "body"), BODIES.values(), ids=BODIES)


def again(body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the object with other fields of its metadata."""
    return {**body, "metadata": {**body["metadata"], **fields}}


def key(body: dict[str, Any]) -> Key:
    """Return where the object is."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def uid(cluster: Cluster, kind: str, where: Key) -> str:
    """Return which object is known there, `""` when none is."""
    known: dict[str, Any] = {
        QUEUES: cluster.queues.get(where),
        DEPLOYMENTS: cluster.deployments.get(where),
    }
    found = known.get(kind) or cluster.rivals.get((kind, where))
    return found.uid if found else ""


@EACH_KIND
def test_an_object_is_known_until_it_is_gone(kind: str, body: dict[str, Any]) -> None:
    """Whoever listens hears of both."""
    heard: list[tuple[str, Key]] = []
    cluster = Cluster(lambda *what: heard.append(what))
    cluster.put(kind, body)
    assert cluster.keys(kind) == {key(body): body["metadata"]["uid"]}
    assert cluster.version(kind, key(body)) == 5
    cluster.drop(kind, key(body), body["metadata"]["uid"])
    assert cluster.keys(kind) == {}
    assert cluster.version(kind, key(body)) == 0
    assert heard == [(kind, key(body))] * 2


@EACH_KIND
@pytest.mark.parametrize("version", ["4", "5"])
def test_an_older_word_changes_nothing(kind: str, body: dict[str, Any], version: str) -> None:
    """A list that took long tells of the past."""
    heard: list[tuple[str, Key]] = []
    cluster = Cluster()
    cluster.put(kind, body)
    cluster.changed = lambda *what: heard.append(what)
    cluster.put(kind, again(body, resourceVersion=version))
    assert (cluster.version(kind, key(body)), heard) == (5, [])


@EACH_KIND
def test_what_has_no_version_is_taken_as_it_comes(kind: str, body: dict[str, Any]) -> None:
    """Better a word too many than none."""
    cluster = Cluster()
    cluster.put(kind, again(body, resourceVersion="", generation=1))
    cluster.put(kind, again(body, resourceVersion="x", generation=2))
    assert cluster.keys(kind)


@EACH_KIND
def test_what_is_being_deleted_counts_as_gone(kind: str, body: dict[str, Any]) -> None:
    """Somebody's finalizer may keep it for ever."""
    cluster = Cluster()
    cluster.put(kind, body)
    cluster.put(kind, again(body, resourceVersion="6", deletionTimestamp="2026-01-02T00:00:00Z"))
    assert cluster.keys(kind) == {}


@EACH_KIND
def test_a_list_of_before_brings_nobody_back(kind: str, body: dict[str, Any]) -> None:
    """Who is gone is remembered by the uid."""
    cluster = Cluster()
    cluster.put(kind, body)
    cluster.drop(kind, key(body), body["metadata"]["uid"])
    cluster.put(kind, body)
    assert cluster.keys(kind) == {}


@EACH_KIND
def test_the_end_of_one_that_nobody_knew_is_remembered(kind: str, body: dict[str, Any]) -> None:
    """The watch may tell of its end before the list tells of its life."""
    cluster = Cluster()
    cluster.drop(kind, key(body), body["metadata"]["uid"])
    cluster.put(kind, body)
    assert cluster.keys(kind) == {}


@EACH_KIND
def test_one_of_the_same_name_is_another(kind: str, body: dict[str, Any]) -> None:
    """Deleted and made again: the new one lives."""
    cluster = Cluster()
    cluster.put(kind, body)
    cluster.drop(kind, key(body), body["metadata"]["uid"])
    cluster.put(kind, again(body, uid="new", resourceVersion="9"))
    assert uid(cluster, kind, key(body)) == "new"


@EACH_KIND
@pytest.mark.parametrize("end", ["deleted", "being deleted"])
def test_a_late_word_of_the_end_of_the_first_spares_the_second(
    kind: str, body: dict[str, Any], end: str
) -> None:
    """A list may know the second before the watch tells of the first one's end."""
    cluster = Cluster()
    cluster.put(kind, body)
    cluster.put(kind, again(body, uid="new", resourceVersion="9"))
    if end == "deleted":
        cluster.drop(kind, key(body), body["metadata"]["uid"])
    else:
        ended = again(body, resourceVersion="7", deletionTimestamp="2026-01-02T00:00:00Z")
        cluster.put(kind, ended)
    assert uid(cluster, kind, key(body)) == "new"
    cluster.put(kind, again(body, uid="new", resourceVersion="10"))
    assert cluster.version(kind, key(body)) == 10


def test_a_second_that_comes_unannounced_ends_the_first() -> None:
    """Its queue has to be seen to, though no watch told of its end."""
    cluster = a_cluster(a_queueconfig(spec={"queue": "first"}))
    cluster.put(QUEUES, a_queueconfig(spec={"queue": "second"}, uid="new", version=9))
    assert [each.queue for each in cluster.take_gone(30)] == ["first"]
    assert cluster.queues[KEY].queue == "second"


def test_queueconfigs_that_are_gone_wait_for_whoever_sees_to_them() -> None:
    """Their queues have to be told; nothing else's end matters like that."""
    cluster = a_cluster(a_queueconfig(), deployments=(a_deployment(),))
    cluster.drop(DEPLOYMENTS, WORKERS, "uid-attendance-worker")
    cluster.drop(QUEUES, KEY, "uid-attendance")
    cluster.drop(QUEUES, KEY, "uid-attendance")
    assert [each.uid for each in cluster.take_gone(30)] == ["uid-attendance"]
    assert cluster.take_gone(30) == []


def test_of_those_that_are_gone_for_long_nobody_hears() -> None:
    """Another operator has seen to their queues, which may be somebody else's by now."""
    cluster = a_cluster(a_queueconfig())
    cluster.now_s = lambda: 1000.0
    cluster.drop(QUEUES, KEY, "uid-attendance")
    cluster.now_s = lambda: 1031.0
    assert cluster.take_gone(30) == []


def test_the_end_of_what_counted_as_gone_is_told() -> None:
    """Its name is free only then: whoever keeps something of that name makes it anew."""
    cluster = a_cluster(deployments=(a_deployment(),))
    going = a_deployment(version=9)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cluster.put(DEPLOYMENTS, going)
    heard: list[tuple[str, Key]] = []
    cluster.changed = lambda kind, key: heard.append((kind, key))
    cluster.drop(DEPLOYMENTS, WORKERS, "uid-attendance-worker")
    assert heard == [(DEPLOYMENTS, WORKERS)]


def test_the_memory_of_the_gone_is_bounded() -> None:
    """The oldest are forgotten first: no list is that old."""
    cluster = Cluster()
    for number in range(MOST_GRAVES + 1):
        cluster.drop(HPAS, EAGER, f"uid-{number}")
    cluster.put(HPAS, an_autoscaler("a", uid="uid-1"))
    assert cluster.keys(HPAS) == {}
    cluster.put(HPAS, an_autoscaler("a", uid="uid-0"))
    assert cluster.keys(HPAS) == {EAGER: "uid-0"}


# ── the edition: whether anything has to be sorted out anew ──


def edition_after(cluster: Cluster, kind: str, body: dict[str, Any]) -> int:
    """Return by how much a word moves the edition."""
    before = cluster.edition
    cluster.put(kind, body)
    return cluster.edition - before


INVALID = {"jobs": {"retries": -1}}
FIGURES = {"waiting": 3}


@pytest.mark.parametrize(
    ("body", "is_news"),
    [
        (a_queueconfig(status={"queue": FIGURES}, version=2), False),
        (a_queueconfig(version=2, generation=2), True),
        (a_queueconfig(spec=INVALID, version=2, generation=2), True),
        (a_queueconfig("mail", version=2), True),
    ],
    ids=["our own status", "another spec", "an invalid spec", "another object"],
)
def test_a_queueconfig_is_sorted_out_when_what_it_declares_changes(
    body: dict[str, Any], *, is_news: bool
) -> None:
    """Most words are our own writes of the status."""
    assert bool(edition_after(a_cluster(a_queueconfig()), QUEUES, body)) == is_news


def test_another_fault_of_one_that_was_never_valid_is_news() -> None:
    """Its status has to say the other sentence."""
    cluster = a_cluster(a_queueconfig(spec=INVALID))
    other = a_queueconfig(spec={"nonsense": 1}, version=2, generation=2)
    assert edition_after(cluster, QUEUES, other)
    assert "nonsense" in cluster.queues[KEY].fault


def test_a_deployment_is_not_sorted_out() -> None:
    """A QueueConfig's target is its name; figures change all the time while pods come and go."""
    cluster = a_cluster(a_queueconfig())
    assert not edition_after(cluster, DEPLOYMENTS, a_deployment())
    assert not edition_after(cluster, DEPLOYMENTS, a_deployment(ready=1, version=2))


def test_an_autoscaler_is_sorted_out_when_its_target_changes() -> None:
    """An HPA writes its own status four times a minute, and there may be many."""
    cluster = a_cluster(a_queueconfig())
    assert edition_after(cluster, HPAS, an_autoscaler("attendance-worker"))
    assert not edition_after(cluster, HPAS, an_autoscaler("attendance-worker", version=2))
    assert edition_after(cluster, HPAS, an_autoscaler("other", version=3))
    assert edition_after(cluster, HPAS, an_autoscaler("other", "StatefulSet", version=4))
    assert cluster.rivals[HPAS, EAGER].target.name == "other"


# ── what we wrote ourselves ──


def test_what_we_wrote_is_known_at_once() -> None:
    """The next round must not write it again because the watch is slow."""
    heard: list[tuple[str, Key]] = []
    cluster = a_cluster(deployments=(a_deployment(replicas=3),))
    cluster.changed = lambda *what: heard.append(what)
    cluster.rescaled(WORKERS, 12, 7)
    seen = cluster.deployments[WORKERS]
    assert (seen.replicas, seen.version, seen.ready) == (12, 7, 3)
    assert (seen.scaler, seen.is_ours_to_scale) == (SCALE_MANAGER, True)
    assert heard == [(DEPLOYMENTS, WORKERS)]


def test_a_newer_word_is_not_undone_by_what_we_wrote() -> None:
    """Somebody was faster; and what is gone stays gone."""
    cluster = a_cluster(deployments=(a_deployment(replicas=5, version=9),))
    cluster.rescaled(WORKERS, 12, 7)
    assert cluster.deployments[WORKERS].replicas == 5
    cluster.rescaled(Key("shop", "gone"), 12, 7)
    assert cluster.keys(DEPLOYMENTS).keys() == {WORKERS}


# ── any order ──

LIVES = (
    a_queueconfig(version=1),
    a_queueconfig(version=2, generation=2, spec={"queue": "attendance"}),
    a_queueconfig(version=4, uid="new", spec={"pause": "Hold"}),
    a_queueconfig(version=6, uid="new", generation=2),
    a_queueconfig("mail", version=3),
    a_queueconfig("mail", version=5, generation=2, spec={"jobs": {"retries": 7}}),
)
ENDS = (
    a_queueconfig(version=3, deletionTimestamp="2026-01-02T00:00:00Z"),
    a_queueconfig("chat", version=8, deletionTimestamp="2026-01-02T00:00:00Z"),
)


@given(st.permutations(LIVES + ENDS))
def test_words_in_any_order_end_the_same(words: list[dict[str, Any]]) -> None:
    """Two watches and a list tell of one cluster; the newest word of each object counts."""
    cluster = a_cluster(*words)
    known = {
        name: (each.uid, each.version, each.config and each.config.spec.pause)
        for (_, name), each in cluster.queues.items()
    }
    assert known == {"attendance": ("new", 6, "None"), "mail": ("uid-mail", 5, "None")}
