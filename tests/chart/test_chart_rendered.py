"""What the chart makes of its scenarios, by either Helm."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from chart import CHART, SCENARIOS, names, one, pod_templates, render
from chart import helm as run
from headpond.config import parse_documents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chart import Object

IMMUTABLE = ("app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component")
"""What selectors are made of: an upgrade can't change a selector."""

EVERY = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)


def identity(each: Object) -> tuple[str, str, str]:
    """Name an object as a cluster does."""
    metadata = each["metadata"]
    return each["kind"], metadata.get("namespace", ""), metadata["name"]


def without_chance(objects: list[Object]) -> list[Object]:
    """Return the objects without what is made anew at each rendering."""
    kept = [{**each, "data": None} if each["kind"] == "Secret" else each for each in objects]
    return sorted(kept, key=identity)


def containers(template: Object) -> list[dict[str, Any]]:
    """Return all containers of a pod but the one that has to be root."""
    spec = template["spec"]
    return [*spec["containers"], *spec.get("initContainers", ())]


@EVERY
def test_the_chart_passes_helms_own_lint(helm: str, scenario: Path) -> None:
    """`helm lint --strict` has nothing to say."""
    said = run(helm, "lint", "--strict", str(CHART), "--values", str(scenario))
    assert "0 chart(s) failed" in said


@EVERY
def test_both_helms_render_the_same(newest: str, oldest: str, scenario: Path) -> None:
    """What Helm 3.6 makes of the templates is what the newest makes of them."""
    both = [without_chance(render(each, None, scenario)) for each in (newest, oldest)]
    assert both[0] == both[1]


@EVERY
def test_objects_are_told_apart_and_found(newest: str, scenario: Path) -> None:
    """No two have one name; all but foreign ones have a namespace and the labels of the release."""
    objects = render(newest, None, scenario)
    assert [each for each, count in Counter(map(identity, objects)).items() if count > 1] == []
    ours = [each for each in objects if each["metadata"]["name"].startswith("headpond")]
    for each in ours:
        labels = each["metadata"].get("labels", {})
        assert labels.get("app.kubernetes.io/instance", "headpond") == "headpond", each
        assert "namespace" in each["metadata"] or each["kind"].startswith("Cluster"), each


@EVERY
def test_selectors_never_change(newest: str, scenario: Path) -> None:
    """Selectors and claims hold what no value and no version changes, so every upgrade goes."""
    objects = render(newest, None, scenario)
    for each in objects:
        if each["kind"] in {"Deployment", "StatefulSet"}:
            selector = each["spec"]["selector"]["matchLabels"]
            assert tuple(selector) == IMMUTABLE, each
            assert selector.items() <= each["spec"]["template"]["metadata"]["labels"].items()
            for claim in each["spec"].get("volumeClaimTemplates", ()):
                assert claim["metadata"]["labels"] == selector


@EVERY
def test_every_pod_is_restricted(newest: str, scenario: Path) -> None:
    """Pods keep the strictest of the Pod Security Standards, and say what they need."""
    templates = list(pod_templates(render(newest, None, scenario)))
    assert len(templates) >= 3
    for name, template in templates:
        pod = template["spec"]["securityContext"]
        assert pod["runAsNonRoot"], name
        assert pod["runAsUser"] > 0, name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(template):
            own = container["securityContext"]
            assert own == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert container["resources"]["limits"].keys() == {"memory"}, name


@EVERY
def test_only_the_operator_has_a_token(newest: str, scenario: Path) -> None:
    """Nobody else has anything to ask the API server."""
    for name, template in pod_templates(render(newest, None, scenario)):
        said = template["spec"]["automountServiceAccountToken"]
        assert said is (name == "headpond-operator"), name


def test_nobody_but_the_operator_says_how_many_workers(newest: str) -> None:
    """No replicas are rendered for queues, unless somebody says them by hand."""
    objects = render(newest, None, CHART / "ci" / "everything-on-values.yaml")
    queues = {each["metadata"]["name"]: each for each in objects if each["kind"] == "QueueConfig"}
    assert {name: each["spec"].get("replicas") for name, each in queues.items()} == {
        "attendance": None,
        "by-hand": 3,
        "plain": None,
    }


def test_queues_are_queueconfigs(newest: str) -> None:
    """What the values say of queues is what `headpond up -f` takes."""
    objects = render(newest, None, CHART / "ci" / "everything-on-values.yaml")
    documents = [each for each in objects if each["kind"] == "QueueConfig"]
    found = parse_documents(yaml.safe_dump_all(documents))
    assert {each.queue: each.spec.scaling.max for each in found}["attendance"] == 20


def test_switches_leave_things_out(rendered: Callable[..., list[Object]]) -> None:
    """Without API and operator there is Redis, and nothing that speaks of the others."""
    objects = rendered(api={"enabled": False}, operator={"enabled": False})
    kinds = {each["kind"] for each in objects}
    assert kinds == {"ConfigMap", "Secret", "Service", "StatefulSet"}
    alone = rendered(
        operator={"enabled": False}, redis={"enabled": False}, externalRedis={"host": "r"}
    )
    assert names(alone, "Deployment") == ["headpond-api"]
    assert names(alone, "StatefulSet") == names(alone, "Role") == []


def test_the_hpa_owns_the_number_of_api_pods(rendered: Callable[..., list[Object]]) -> None:
    """With an HPA the Deployment renders no replicas, so that an upgrade doesn't undo its work."""
    spec = one(rendered(api={"autoscaling": {"enabled": True}}), "Deployment", "headpond-api")[
        "spec"
    ]
    assert "replicas" not in spec
    assert one(rendered(), "Deployment", "headpond-api")["spec"]["replicas"] == 2


def test_images_by_tag_and_digest(rendered: Callable[..., list[Object]]) -> None:
    """A digest wins over a tag, a component's tag over that of all; the registry comes first."""
    digest = "sha256:" + "0" * 64
    objects = rendered(
        image={"registry": "registry.example.com/team", "tag": "1"},
        api={"image": {"digest": digest, "tag": "3"}},
        operator={"image": {"tag": "2"}},
    )
    found = {
        name: template["spec"]["containers"][0].get("image")
        for name, template in pod_templates(objects)
    }
    assert found["headpond-api"] == f"registry.example.com/team/headpond-api@{digest}"
    assert found["headpond-operator"] == "registry.example.com/team/headpond-operator:2"
    assert found["headpond-redis"] == "docker.io/redis:7.4"


def test_long_names_stay_short_enough(newest: str) -> None:
    """The longest release name that Helm takes makes names that Kubernetes takes."""
    release = "r" * 53
    text = run(newest, "template", release, str(CHART), "--namespace", "jobs")
    found = [each for each in yaml.safe_load_all(text) if each]
    longest = max(len(each["metadata"]["name"]) for each in found)
    assert longest <= 63
    (redis,) = [each for each in found if each["kind"] == "StatefulSet"]
    # Kubernetes adds a hash of ten characters and a dash, and puts it into a label.
    assert len(redis["metadata"]["name"]) + 11 <= 63


def test_one_password_goes_to_all_namespaces(rendered: Callable[..., list[Object]]) -> None:
    """Workers of other namespaces find there the password that Redis has, account included."""
    objects = rendered(operator={"watchNamespaces": ["team-a", "jobs"]})
    secrets = [each for each in objects if identity(each)[::2] == ("Secret", "headpond-redis")]
    assert [each["metadata"]["namespace"] for each in secrets] == ["jobs", "team-a"]
    assert secrets[0]["data"] == secrets[1]["data"]
    accounts = [identity(each) for each in objects if each["kind"] == "ServiceAccount"]
    assert ("ServiceAccount", "team-a", "headpond-worker") in accounts


def test_what_can_not_be_made_again_is_kept(newest: str) -> None:
    """An uninstall leaves the API key and the encryption keys, and never the CRD to delete."""
    objects = render(newest, None, CHART / "ci" / "everything-on-values.yaml")
    kept = {
        each["metadata"]["name"]
        for each in objects
        if each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    assert kept == {"headpond-api-key", "headpond-encryption-keys", "headpond-redis"}
    assert names(objects, "CustomResourceDefinition") == []
    assert (CHART / "crds" / "queueconfigs.yaml").exists()


def test_a_parent_chart_can_switch_it(rendered: Callable[..., list[Object]]) -> None:
    """`enabled` and `global`, which a chart that depends on this one may give, are no typos."""
    assert rendered(enabled=True) != []
    assert rendered(**{"global": {"anything": 1}}) != []
