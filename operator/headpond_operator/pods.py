"""What is wrong with a Deployment's pods, in one sentence. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOOPING: Final = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
"""Why a container waits that won't start by itself."""

_HINTS: Final = {
    "ErrImageNeverPull": "load the image onto the nodes or let it be pulled",
    "ErrImagePull": "check spec.worker.image and the pull secret",
    "ImagePullBackOff": "check spec.worker.image and the pull secret",
    "InvalidImageName": "mend spec.worker.image",
    "CreateContainerConfigError": "check the secrets and config maps that env and envFrom name",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the pods of one Deployment show."""

    reason: str = ""
    """CamelCase, for a condition; `""`: nothing is wrong."""
    sentence: str = ""
    is_stuck: bool = False
    """More pods would fare no better."""


FINE: Final = Verdict()


def judge(pods: Iterable[Mapping[str, Any]], now_s: float, patience_s: float) -> Verdict:
    """Judge the pods of a Deployment, the worst first.

    A pod that fits no node is given `patience_s`: an autoscaler of nodes may make room. One that
    doesn't start says nothing of others when pods as young as it are ready: its node is to blame.
    """
    alive = [pod for pod in pods if _is_alive(pod)]
    failing = [(pod, found) for pod in alive if (found := _waiting(pod))]
    if failing:
        waiting = [found for _, found in failing]
        reason, message = Counter(waiting).most_common(1)[0][0]
        since = min(_created(pod) for pod, _ in failing)
        others_start = any(_is_ready(pod) and _created(pod) >= since for pod in alive)
        pods_say = f"{len(waiting)} of {len(alive)} pods don't start"
        hint = _HINTS.get(reason, "see kubectl logs --previous")
        said = f": {message}" if message else ""
        sentence = f"{pods_say}, {reason}{said}; {hint}."
        return Verdict(reason, sentence, is_stuck=not others_start)
    homeless = [each for pod in alive if (each := _unschedulable(pod))]
    if not homeless:
        return FINE
    message, _ = Counter(text for text, _ in homeless).most_common(1)[0]
    waited_s = now_s - min(since_s for _, since_s in homeless)
    sentence = f"{len(homeless)} of {len(alive)} pods fit no node: {message.rstrip('.')}."
    return Verdict("Unschedulable", sentence, is_stuck=waited_s >= patience_s)


def _is_alive(pod: Mapping[str, Any]) -> bool:
    """Leave out what goes, and what was evicted: the ReplicaSet has replaced it already."""
    phase = (pod.get("status") or {}).get("phase")
    return not pod["metadata"].get("deletionTimestamp") and phase not in ("Failed", "Succeeded")


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _created(pod: Mapping[str, Any]) -> str:
    """Return when it was made; such stamps sort as the times do."""
    return str(pod["metadata"].get("creationTimestamp", ""))


def _waiting(pod: Mapping[str, Any]) -> tuple[str, str] | None:
    status = pod.get("status") or {}
    containers = [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ]
    for each in containers:
        waits = (each.get("state") or {}).get("waiting") or {}
        if waits.get("reason") in LOOPING:
            return waits["reason"], _last_words(each) or str(waits.get("message", ""))[:200]
    return None


def _last_words(container: Mapping[str, Any]) -> str:
    """Return how the container ended before.

    Nothing of its log: more people read the status, and a log may hold what they must not.
    """
    ended = (container.get("lastState") or {}).get("terminated") or {}
    if not ended:
        return ""
    if ended.get("reason") == "OOMKilled":
        return "it used more memory than its limit"
    return f"it ended with code {ended.get('exitCode')}"


def _unschedulable(pod: Mapping[str, Any]) -> tuple[str, float] | None:
    for each in (pod.get("status") or {}).get("conditions") or ():
        if each.get("type") == "PodScheduled" and each.get("reason") == "Unschedulable":
            return str(each.get("message", "")), seconds(each.get("lastTransitionTime", ""))
    return None


def seconds(stamp: str) -> float:
    """Return a Kubernetes time as Unix seconds, 0 when there is none.

    >>> seconds("2026-01-01T00:00:00Z")
    1767225600.0
    """
    return datetime.fromisoformat(stamp).timestamp() if stamp else 0.0
