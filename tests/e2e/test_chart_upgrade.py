"""What an upgrade keeps, and what is left after an uninstall: jobs, keys, QueueConfigs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from kube_cluster import CHART

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kube_cluster import Kube

VALUES: Final = Path(__file__).parent / "values.yaml"
MARKS: Final = 100

pytestmark = pytest.mark.usefixtures("images")
INSTALL: Final = (
    str(CHART),
    f"--values={VALUES}",
    "--set=apps={headpond_school},api.replicas=1",
    "--wait",
    "--timeout=120s",
)


def secret(kube: Kube, name: str, key: str) -> str:
    """Return what a Secret holds."""
    data = kube.json("get", f"secret/{name}")["data"][key]
    return base64.b64decode(data).decode()


def ask(kube: Kube, method: str, path: str, body: Any = None) -> Any:
    """Return the API's answer, asked with the release's key."""
    key = secret(kube, "headpond-api-key", "api-key")
    with kube.forward("service/headpond-api", 80) as port:
        answer = httpx.request(
            method,
            f"http://127.0.0.1:{port}/api/v1{path}",
            headers={"Authorization": f"Bearer {key}"},
            json=body,
            timeout=30,
        )
    answer.raise_for_status()
    return answer.json()


def marks() -> list[dict[str, Any]]:
    """Return jobs of the school app."""
    common = {"tenantId": "t", "institutionId": "i", "date": "2026-11-23", "status": "present"}
    return [
        {"type": "mark-attendance", "job_id": f"j{n}", "payload": {**common, "studentId": f"s{n}"}}
        for n in range(MARKS)
    ]


def waiting(kube: Kube) -> int:
    """Return how many jobs wait."""
    return int(ask(kube, "GET", "/queues/stats/attendance")["waiting"])


def known(kube: Kube, words: Sequence[str]) -> list[str]:
    """Return what must be the same before and after."""
    uids = [kube.json("get", word)["metadata"]["uid"] for word in words]
    return [
        *uids,
        secret(kube, "headpond-api-key", "api-key"),
        secret(kube, "headpond-redis", "password"),
    ]


def test_an_upgrade_keeps_jobs_and_keys(kube: Kube) -> None:
    """Other values, an operator, another queue: jobs wait on, and nobody needs another key."""
    held = "--set=queues.attendance.pause=Hold"
    kube.helm("install", "headpond", *INSTALL, held, "--set=operator.enabled=false")
    ask(kube, "POST", "/queues/attendance/jobs/bulk", {"jobs": marks()})
    same = ("queueconfig/attendance", "persistentvolumeclaim/data-headpond-redis-0")
    before = known(kube, same)

    # Redis starts anew with these: its jobs come back from the log.
    changes = (
        "--set=commonLabels.team=x,redis.maxMemory=200mb,logLevel=debug,queues.more.pause=Hold"
    )
    kube.helm("upgrade", "headpond", *INSTALL, held, changes)
    assert known(kube, same) == before
    assert waiting(kube) == MARKS
    kube.wait("condition=Ready", "queueconfig/attendance", "queueconfig/more")
    kube.helm("test", "headpond")

    kube.helm("upgrade", "headpond", *INSTALL, "--set=queues.attendance.scaling.max=1")
    kube.wait("jsonpath={.status.queue.waiting}=0", "queueconfig/attendance", within_s=120)
    stats = ask(kube, "GET", "/queues/stats/attendance")
    assert (stats["waiting"], stats["failed"]) == (0, 0)


def test_an_uninstall_leaves_what_can_not_be_made_again(kube: Kube) -> None:
    """A release that comes back has its key and finds its jobs."""
    words = (*INSTALL, "--set=operator.enabled=false")
    kube.helm("install", "headpond", *words)
    ask(kube, "POST", "/queues/attendance/jobs/bulk", {"jobs": marks()})
    key = secret(kube, "headpond-api-key", "api-key")
    password = secret(kube, "headpond-redis", "password")
    kube.helm("uninstall", "headpond", "--wait")
    left = {each["metadata"]["name"] for each in kube.json("get", "secrets,persistentvolumeclaims")}
    assert left == {"headpond-api-key", "headpond-redis", "data-headpond-redis-0"}
    kube.wait("delete", "pod", "--all")

    kube.helm("install", "headpond", *words)
    assert secret(kube, "headpond-api-key", "api-key") == key
    # Workers outlive a release: with another password they would be shut out.
    assert secret(kube, "headpond-redis", "password") == password
    assert waiting(kube) == MARKS


def test_the_notes_are_true(kube: Kube) -> None:
    """The commands that Helm prints after an install give the key and declare a queue."""
    said = kube.helm("install", "headpond", *INSTALL)
    command = said.partition('export HEADPOND_API_KEY="$(kubectl ')[2].partition(')"')[0]
    template = command.partition("go-template='")[2].rstrip("'")
    given = kube.kubectl("get", "secret", "headpond-api-key", f"--output=go-template={template}")
    assert given == secret(kube, "headpond-api-key", "api-key")
    document = said.partition("<<'QUEUE'\n")[2].partition("QUEUE\n")[0]
    kube.kubectl("apply", "--filename=-", stdin=document)
    kube.wait("condition=Ready", "queueconfig/attendance")
    assert json.loads(kube.kubectl("get", "queueconfigs", "--output=json"))["items"]
