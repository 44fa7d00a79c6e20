"""The chart, rendered by a Helm, as objects; and the environment that its pods get."""

from __future__ import annotations

import base64
import functools
import re
import subprocess
from typing import TYPE_CHECKING, Any, Final

import yaml

from tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

Object = dict[str, Any]

CHART: Final = ROOT / "charts" / "headpond"
SCENARIOS: Final = sorted((CHART / "ci").glob("*-values.yaml"))
RELEASE: Final = ("headpond", "--namespace", "jobs", "--kube-version", "1.34.0")
NAMESPACE: Final = "jobs"


class Refused(Exception):  # noqa: N818 (it is what a test wants)
    """Helm refused the values; the message is what it said."""


@functools.cache
def helm(program: str, *words: str, stdin: str = "") -> str:
    """Return what Helm prints; raise `Refused` with what it says instead."""
    answer = subprocess.run(
        [program, *words], input=stdin, capture_output=True, text=True, check=False, timeout=60
    )
    if answer.returncode:
        raise Refused(answer.stderr)
    return answer.stdout


def render(
    program: str, values: Mapping[str, Any] | None = None, *files: Path, words: Sequence[str] = ()
) -> list[Object]:
    """Return the objects that the chart makes of the files and, over them, the values."""
    given = [word for file in files for word in ("--values", str(file))]
    stdin = yaml.safe_dump(dict(values or {}))
    text = helm(
        program, "template", *RELEASE, str(CHART), *given, "--values", "-", *words, stdin=stdin
    )
    return [each for each in yaml.safe_load_all(text) if each]


def one(objects: Sequence[Object], kind: str, name: str, namespace: str = NAMESPACE) -> Object:
    """Return the object of that kind, name and namespace."""
    (found,) = [
        each
        for each in objects
        if (each["kind"], each["metadata"]["name"]) == (kind, name)
        and each["metadata"].get("namespace", namespace) == namespace
    ]
    return found


def names(objects: Sequence[Object], kind: str) -> list[str]:
    """Return the names of the objects of a kind."""
    return [each["metadata"]["name"] for each in objects if each["kind"] == kind]


def worker_template(objects: Sequence[Object]) -> Object:
    """Return the pod template that the operator reads."""
    text = one(objects, "ConfigMap", "headpond-worker-template")["data"]["worker-template.yaml"]
    template: Object = yaml.safe_load(text)
    return template


def pod_templates(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    """Yield name and template of everything that becomes a pod."""
    for each in objects:
        name = each["metadata"]["name"]
        if each["kind"] in {"Deployment", "StatefulSet"}:
            yield name, each["spec"]["template"]
        elif each["kind"] == "Pod":
            yield name, each
        elif name.endswith("-worker-template"):
            yield name, worker_template(objects)


def environment(
    objects: Sequence[Object], template: Object, secrets: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return what the first container's process sees; Secrets are the chart's, or `secrets`.

    Those go by `name/key`. Like kubelet, put earlier variables in the place of `$(NAME)`.
    """
    known = dict(secrets or {})
    for each in objects:
        if each["kind"] == "Secret" and each["metadata"]["namespace"] == NAMESPACE:
            for key, value in each["data"].items():
                known[f"{each['metadata']['name']}/{key}"] = base64.b64decode(value).decode()
    seen: dict[str, str] = {}
    for variable in template["spec"]["containers"][0]["env"]:
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            reference = source["secretKeyRef"]
            seen[variable["name"]] = known[f"{reference['name']}/{reference['key']}"]
        elif "fieldRef" in source:
            seen[variable["name"]] = source["fieldRef"]["fieldPath"]
        else:
            seen[variable["name"]] = re.sub(
                r"\$\((\w+)\)", lambda found: seen[found[1]], variable["value"]
            )
    return seen
