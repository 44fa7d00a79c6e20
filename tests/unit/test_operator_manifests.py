"""The worker Deployment: hardened, as long-lived as a job, and found again whatever is overlaid."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headpond_operator.crd_rules import LONGEST_NAME
from headpond_operator.manifests import (
    MARGIN_S,
    PORT,
    QUEUECONFIG_LABEL,
    Installation,
    deployment_key,
    own_key,
    pod_template,
    worker_deployment,
)
from operator_cases import KEY, WORKERS, a_config, a_declared

INSTALLATION: Final = Installation(image="headpond-worker:1", namespace="prod")
LONGEST_OBJECT_NAME: Final = 253
LONGEST_LABEL: Final = 63


def template(spec: object = None, installation: Installation = INSTALLATION) -> dict[str, Any]:
    """Return the pod template of a QueueConfig with this spec."""
    return pod_template("attendance", a_config(spec), installation)


def container(pods: dict[str, Any]) -> dict[str, Any]:
    """Return the worker's container."""
    return next(each for each in pods["spec"]["containers"] if each["name"] == "worker")


def variables(pods: dict[str, Any]) -> dict[str, Any]:
    """Return the worker's environment by name."""
    return {each["name"]: each for each in container(pods)["env"]}


# ── what Kubernetes asks of it ──


def test_the_pods_are_allowed_where_the_restricted_profile_is_enforced() -> None:
    """Each line is a control of the Pod Security Standards, profile restricted."""
    pods = template()
    pod, worker = pods["spec"], container(pods)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert worker["securityContext"]["allowPrivilegeEscalation"] is False
    assert worker["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {key for volume in pod["volumes"] for key in volume} == {"name", "emptyDir"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert all("hostPort" not in port for port in worker["ports"])


def test_the_pods_can_do_nothing_that_a_worker_need_not() -> None:
    """No token of the API server, no write to the image, no variables of other services."""
    pods = template()
    assert pods["spec"]["automountServiceAccountToken"] is False
    assert pods["spec"]["enableServiceLinks"] is False
    assert container(pods)["securityContext"]["readOnlyRootFilesystem"] is True
    assert container(pods)["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 (the pod's own)


@pytest.mark.parametrize(
    ("timeout", "worker_s", "pod_s"),
    [("5m", "300", 330), ("500ms", "0.5", 30), ("1h", "3600", 3630), ("1500ms", "1.5", 32)],
)
def test_a_worker_has_the_time_that_a_job_may_take(timeout: str, worker_s: str, pod_s: int) -> None:
    """A pod that must go may end its jobs; its own end comes before the kubelet's."""
    pods = template({"jobs": {"timeout": timeout}})
    assert variables(pods)["HEADPOND_GRACE_S"]["value"] == worker_s
    assert pods["spec"]["terminationGracePeriodSeconds"] == pod_s
    assert pod_s >= float(worker_s) + MARGIN_S - 1


def test_the_longest_timeout_is_said_to_the_second() -> None:
    """A rounded grace would outlive the pod's."""
    grace = variables(template({"jobs": {"timeout": "1234567s"}}))["HEADPOND_GRACE_S"]
    assert float(grace["value"]) == 1_234_567


def test_the_probes_ask_the_port_that_the_worker_listens_on() -> None:
    """Else every pod would be killed again and again; so would it if a start asked for Redis."""
    pods = template()
    worker = container(pods)
    assert worker["ports"] == [{"name": "probes", "containerPort": PORT}]
    assert variables(pods)["HEADPOND_PROBE_PORT"]["value"] == str(PORT)
    probes = [worker[f"{kind}Probe"]["httpGet"] for kind in ("liveness", "readiness", "startup")]
    assert {probe["port"] for probe in probes} == {"probes"}
    assert [probe["path"] for probe in probes] == ["/livez", "/readyz", "/livez"]


def test_a_port_of_the_app_leaves_the_probes_port_there() -> None:
    """A port need not have a name, and the probes go by theirs."""
    ports = [{"containerPort": 9100}]
    podtemplate = {"spec": {"containers": [{"name": "worker", "ports": ports}]}}
    named = [
        port.get("name")
        for port in container(template({"worker": {"podTemplate": podtemplate}}))["ports"]
    ]
    assert named == ["probes", None]


# ── the Deployment around it ──


def test_the_deployment_is_the_queueconfigs_own() -> None:
    """The garbage collector takes it along, and asks for no right on finalizers."""
    body = worker_deployment(a_declared(), a_config(), INSTALLATION)
    owner = body["metadata"]["ownerReferences"][0]
    assert (body["metadata"]["namespace"], body["metadata"]["name"]) == WORKERS
    assert (owner["kind"], owner["name"], owner["uid"]) == (
        "QueueConfig",
        "attendance",
        "uid-attendance",
    )
    assert (owner["controller"], owner["blockOwnerDeletion"]) == (True, False)


def test_the_deployment_says_nothing_of_its_replicas() -> None:
    """They are written by /scale alone."""
    assert "replicas" not in worker_deployment(a_declared(), a_config(), INSTALLATION)["spec"]


def test_the_queue_never_stands_still_while_pods_are_exchanged() -> None:
    """A new pod is ready before an old one goes, even where there is one."""
    strategy = worker_deployment(a_declared(), a_config(), INSTALLATION)["spec"]["strategy"]
    assert strategy["rollingUpdate"]["maxUnavailable"] == 0


def test_the_longest_name_that_the_crd_takes_fits_everywhere() -> None:
    """The Deployment is named after it, and a label holds it."""
    name = "a" * LONGEST_NAME
    body = worker_deployment(
        a_declared(name=name), a_config({"queue": "a"}, name=name), INSTALLATION
    )
    assert len(body["metadata"]["name"]) <= LONGEST_OBJECT_NAME
    assert len(body["metadata"]["labels"][QUEUECONFIG_LABEL]) <= LONGEST_LABEL
    assert len(body["metadata"]["name"]) <= LONGEST_LABEL


# ── which Deployment ──


def test_somebody_elses_deployment_is_the_target_where_one_is_named() -> None:
    """In the QueueConfig's own namespace; its own would be another."""
    declared = a_declared({"worker": {"targetRef": {"name": "legacy"}}})
    assert deployment_key(declared) == ("shop", "legacy")
    assert own_key(declared) == WORKERS


def test_a_queueconfig_that_was_never_valid_has_a_target_all_the_same() -> None:
    """Its status names one."""
    assert deployment_key(a_declared({"nonsense": True})) == WORKERS


# ── layers ──

LAYERED: Final = Installation(
    image="headpond-worker:1",
    template={
        "metadata": {"annotations": {"team": "infra"}},
        "spec": {
            "imagePullSecrets": [{"name": "registry"}],
            "containers": [
                {
                    "name": "worker",
                    "env": [
                        {"name": "HEADPOND_REDIS_URL", "value": "redis://base"},
                        {"name": "LEVEL", "value": "installation"},
                    ],
                }
            ],
        },
    },
)


def test_each_layer_has_its_say_and_the_last_the_last_word() -> None:
    """Base, installation, spec.worker, podTemplate."""
    pods = template(
        {
            "worker": {
                "image": "app:2",
                "apps": ["school", "notify"],
                "env": [{"name": "LEVEL", "value": "spec"}, {"name": "MODE", "value": "spec"}],
                "podTemplate": {
                    "spec": {
                        "priorityClassName": "high",
                        "containers": [
                            {"name": "worker", "env": [{"name": "MODE", "value": "template"}]},
                            {"name": "sidecar", "image": "proxy:1"},
                        ],
                    }
                },
            }
        },
        LAYERED,
    )
    said = {name: each.get("value") for name, each in variables(pods).items()}
    assert container(pods)["image"] == "app:2"
    assert said["HEADPOND_REDIS_URL"] == "redis://base"
    assert said["HEADPOND_APPS"] == "school,notify"
    assert (said["LEVEL"], said["MODE"]) == ("spec", "template")
    assert pods["metadata"]["annotations"] == {"team": "infra"}
    assert pods["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert pods["spec"]["priorityClassName"] == "high"
    assert [each["name"] for each in pods["spec"]["containers"]] == ["worker", "sidecar"]


def test_the_fields_of_the_spec_reach_the_pod() -> None:
    """Each of them has one place."""
    tolerations = [{"key": "gpu", "operator": "Exists"}]
    pods = template(
        {
            "worker": {
                "resources": {"limits": {"memory": "1Gi"}},
                "envFrom": [{"secretRef": {"name": "app"}}],
                "nodeSelector": {"disk": "ssd"},
                "tolerations": tolerations,
                "affinity": {"nodeAffinity": {}},
                "serviceAccountName": "mailer",
            }
        }
    )
    assert container(pods)["resources"] == {
        "requests": {"cpu": "50m", "memory": "96Mi"},
        "limits": {"memory": "1Gi"},
    }
    assert container(pods)["envFrom"] == [{"secretRef": {"name": "app"}}]
    assert pods["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert pods["spec"]["tolerations"] == tolerations
    assert pods["spec"]["affinity"] == {"nodeAffinity": {}}
    assert pods["spec"]["serviceAccountName"] == "mailer"


def test_without_an_image_there_is_none() -> None:
    """The API server says so, which is better than an image that nobody chose."""
    assert "image" not in container(template(installation=Installation()))


def test_the_template_is_plain_json() -> None:
    """Models hold tuples; what is sent and digested doesn't."""
    pods = template({"worker": {"tolerations": [{"key": "a"}], "apps": ["school"]}}, LAYERED)
    assert json.loads(json.dumps(pods)) == pods


# ── what nobody may say ──

HOSTILE: Final = {
    "labels taken away": {"metadata": {"labels": None}},
    "metadata taken away": {"metadata": None},
    "another queue's label": {"metadata": {"labels": {QUEUECONFIG_LABEL: "mail"}}},
    "the label taken away": {"metadata": {"labels": {QUEUECONFIG_LABEL: None}}},
    "metadata that is none": {"metadata": "nonsense"},
}


@pytest.mark.parametrize("pod", HOSTILE.values(), ids=HOSTILE)
def test_no_template_breaks_the_selector(pod: dict[str, Any]) -> None:
    """Otherwise the API server would refuse the Deployment, or count another queue's pods."""
    config = a_config({"worker": {"podTemplate": pod}})
    for installation in (INSTALLATION, Installation("image", template=pod)):
        body = worker_deployment(a_declared(), config, installation)
        selector = body["spec"]["selector"]["matchLabels"]
        assert selector == {QUEUECONFIG_LABEL: KEY.name}
        assert selector.items() <= body["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("where", ["env", "podTemplate", "installation"])
@pytest.mark.parametrize(
    "said",
    [
        {"name": "HEADPOND_WORKER_ID", "value": "me"},
        {
            "name": "HEADPOND_WORKER_ID",
            "valueFrom": {"configMapKeyRef": {"name": "ids", "key": "id"}},
        },
    ],
    ids=["value", "reference"],
)
def test_a_worker_is_named_after_its_pod_whatever_is_said(where: str, said: dict[str, Any]) -> None:
    """The pod of a worker that may go is found by the worker's id; two of one id would be one."""
    pod = {"spec": {"containers": [{"name": "worker", "env": [said]}]}}
    worker = {"env": {"env": [said]}, "podTemplate": {"podTemplate": pod}, "installation": {}}
    installation = Installation("image", template=pod if where == "installation" else {})
    named = variables(template({"worker": worker[where]}, installation))["HEADPOND_WORKER_ID"]
    assert named["valueFrom"] == {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
    assert named.keys() == {"name", "valueFrom"}


@pytest.mark.parametrize(
    "spec",
    [
        None,
        "nonsense",
        {"containers": None},
        {"containers": "nonsense"},
        {"containers": [{"image": "app:1"}]},
        {"containers": [{"name": ["worker"]}]},
        {"containers": ["nonsense"]},
    ],
)
def test_a_template_that_is_none_is_left_for_the_api_server_to_refuse(spec: object) -> None:
    """Its sentence names the field; ours would hide it, and the other queues must go on."""
    pods = template({"worker": {"podTemplate": {"spec": spec}}})
    assert pods["metadata"]["labels"][QUEUECONFIG_LABEL] == "attendance"
    said = pods.get("spec")
    if isinstance(spec, dict) and isinstance(said, dict):
        assert said.get("containers") == spec["containers"]
    else:
        assert said == spec


_JSON = st.recursive(
    st.none() | st.booleans() | st.sampled_from(["worker", "x"]),
    lambda below: (
        st.lists(below, max_size=2)
        | st.dictionaries(
            st.sampled_from(["metadata", "labels", "spec", "containers", "name", "env"]),
            below,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec"]), _JSON))
def test_no_template_whatever_stops_the_operator(pod: dict[str, Any]) -> None:
    """The CRD lets anything through here, and the queues beside it must go on."""
    pods = template({"worker": {"podTemplate": pod}})
    assert pods["metadata"]["labels"][QUEUECONFIG_LABEL] == "attendance"
