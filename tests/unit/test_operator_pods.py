"""What pods show: which of them don't start, why, and what to do."""

from __future__ import annotations

from typing import Any, Final

import pytest

from headpond_operator.pods import FINE, LOOPING, Verdict, judge, seconds
from operator_cases import a_pod

SINCE: Final = "2026-01-01T00:00:00Z"
THEN_S: Final = seconds(SINCE)
NO_ROOM: Final = "0/3 nodes are available: 3 Insufficient cpu."
PATIENCE_S: Final = 120.0


def judged(*pods: dict[str, Any], after_s: float = 0.0) -> Verdict:
    """Return the verdict this long after the first of January."""
    return judge(pods, THEN_S + after_s, PATIENCE_S)


def a_homeless(message: str = NO_ROOM, since: str = SINCE) -> dict[str, Any]:
    """Return a pod that fits no node."""
    return a_pod("ContainerCreating", unschedulable=(message, since))


@pytest.mark.parametrize(
    "pods",
    [
        [],
        [a_pod()],
        [a_pod("ContainerCreating"), a_pod("PodInitializing")],
        [{"metadata": {}}],
        [{"metadata": {}, "status": None}],
        [{"metadata": {}, "status": {"containerStatuses": None, "conditions": None}}],
        [{"metadata": {}, "status": {"containerStatuses": [{"name": "worker"}]}}],
        [{"metadata": {}, "status": {"conditions": [{"type": "PodScheduled"}]}}],
    ],
    ids=["none", "running", "starting", "new", "null", "nulls", "stateless", "scheduled"],
)
def test_nothing_is_wrong(pods: list[dict[str, Any]]) -> None:
    """A pod that has said nothing yet may be well."""
    assert judged(*pods) == FINE


@pytest.mark.parametrize("reason", sorted(LOOPING))
@pytest.mark.parametrize("init", [False, True], ids=["container", "init container"])
def test_a_container_that_will_not_start_is_said(reason: str, *, init: bool) -> None:
    """More pods of the kind would fare no better."""
    verdict = judged(a_pod(reason, message="what the kubelet said", init=init), a_pod())
    assert (verdict.reason, verdict.is_stuck) == (reason, True)
    assert verdict.sentence.startswith(
        f"1 of 2 pods don't start, {reason}: what the kubelet said; "
    )


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("ErrImagePull", "check spec.worker.image and the pull secret"),
        ("ImagePullBackOff", "check spec.worker.image and the pull secret"),
        ("ErrImageNeverPull", "load the image onto the nodes or let it be pulled"),
        ("InvalidImageName", "mend spec.worker.image"),
        (
            "CreateContainerConfigError",
            "check the secrets and config maps that env and envFrom name",
        ),
        ("CrashLoopBackOff", "see kubectl logs --previous"),
    ],
)
def test_each_reason_says_what_to_do(reason: str, hint: str) -> None:
    """Whoever reads it need not know Kubernetes by heart."""
    assert judged(a_pod(reason)).sentence == f"1 of 1 pods don't start, {reason}; {hint}."


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ({"exitCode": 2, "message": "postgresql://u:secret@db\n"}, "it ended with code 2"),
        ({"exitCode": 1}, "it ended with code 1"),
        ({"exitCode": 137, "reason": "OOMKilled"}, "it used more memory than its limit"),
        ({}, "back-off 40s restarting failed container"),
    ],
    ids=["with a log", "silent", "memory", "not ended"],
)
def test_how_a_container_ended_says_more_than_its_wait(ended: dict[str, Any], said: str) -> None:
    """Why it ended matters; nothing of its log is said, which may hold secrets."""
    waits = "back-off 40s restarting failed container"
    verdict = judged(a_pod("CrashLoopBackOff", message=waits, ended=ended))
    assert verdict.sentence == (
        f"1 of 1 pods don't start, CrashLoopBackOff: {said}; see kubectl logs --previous."
    )


def test_one_bad_node_keeps_no_pods_from_the_others() -> None:
    """Pods as young as those that don't start are ready; older ones prove nothing."""
    bad, old, young = a_pod("ErrImagePull"), a_pod(), a_pod()
    for pod, made in ((old, "2026-01-01T00:00:00Z"), (bad, "2026-01-02T00:00:00Z")):
        pod["metadata"]["creationTimestamp"] = made
    young["metadata"]["creationTimestamp"] = "2026-01-02T00:00:01Z"
    for pod in (old, young):
        pod["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    assert judged(bad, old).is_stuck
    assert judged(bad, old, young).reason == "ErrImagePull"
    assert not judged(bad, old, young).is_stuck


def test_what_most_pods_suffer_from_is_said() -> None:
    """One sentence, of the many."""
    verdict = judged(
        a_pod("ErrImagePull"), a_pod("CrashLoopBackOff"), a_pod("CrashLoopBackOff"), a_pod()
    )
    assert verdict.reason == "CrashLoopBackOff"
    assert verdict.sentence.startswith("3 of 4 pods don't start")


def test_a_second_container_may_be_the_one() -> None:
    """The first runs."""
    pod = a_pod()
    pod["status"]["containerStatuses"] += a_pod("ErrImagePull")["status"]["containerStatuses"]
    assert judged(pod).reason == "ErrImagePull"


def test_pods_that_go_are_not_judged() -> None:
    """A deletion is under way already."""
    going = a_pod("CrashLoopBackOff")
    going["metadata"]["deletionTimestamp"] = SINCE
    assert judged(going, a_pod()) == FINE


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_pods_that_are_over_are_not_judged(phase: str) -> None:
    """Evicted pods lie about for days; the ReplicaSet has replaced them."""
    over = a_pod("CrashLoopBackOff")
    over["status"]["phase"] = phase
    assert judged(over, a_pod()) == FINE


@pytest.mark.parametrize(
    ("after_s", "is_stuck"), [(0, False), (119, False), (120, True), (600, True)]
)
def test_a_pod_that_fits_no_node_is_given_patience(after_s: float, *, is_stuck: bool) -> None:
    """It is said at once; more of them are asked for until an autoscaler of nodes had its time."""
    verdict = judged(a_homeless(), a_pod(), after_s=after_s)
    sentence = "1 of 2 pods fit no node: 0/3 nodes are available: 3 Insufficient cpu."
    assert verdict == Verdict("Unschedulable", sentence, is_stuck=is_stuck)


def test_the_one_that_waits_longest_counts() -> None:
    """Each scale-up adds younger ones."""
    young = a_homeless(since="2026-01-01T00:01:59Z")
    assert judged(young, a_homeless(), after_s=121).is_stuck
    assert not judged(young, young, after_s=121).is_stuck


def test_a_container_that_will_not_start_is_worse_than_no_room() -> None:
    """Somebody has to mend it; room may come by itself."""
    assert judged(a_homeless(), a_homeless(), a_pod("ErrImagePull")).reason == "ErrImagePull"


def test_no_time_is_long_ago() -> None:
    """A condition without one is as good as old."""
    assert seconds("") == 0.0
    assert judged(a_homeless(since="")).is_stuck
