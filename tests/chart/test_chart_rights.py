"""The operator may do what it does, and nothing else; the others may do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chart import names, one

if TYPE_CHECKING:
    from collections.abc import Callable

    from chart import Object

READ = {"get", "list", "watch"}
RIGHTS = {
    ("headpond.dev", "queueconfigs"): READ,
    ("headpond.dev", "queueconfigs/status"): {"patch"},
    ("apps", "deployments"): READ | {"create", "patch", "delete"},
    ("apps", "deployments/scale"): {"get", "patch"},
    ("", "pods"): {"list", "patch", "delete"},
    ("autoscaling", "horizontalpodautoscalers"): READ,
    ("keda.sh", "scaledobjects"): READ,
    ("", "events"): {"create"},
}


def rights(role: Object) -> dict[tuple[str, str], set[str]]:
    """Return the verbs of a role by group and resource."""
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_rights_end_at_the_namespace(rendered: Callable[..., list[Object]]) -> None:
    """By default there is a Role of exactly these rights, and nothing of the whole cluster."""
    objects = rendered()
    assert rights(one(objects, "Role", "headpond-operator")) == RIGHTS
    assert [each["kind"] for each in objects if each["kind"].startswith("Cluster")] == []


def test_only_its_own_lease(rendered: Callable[..., list[Object]]) -> None:
    """The Lease is bound to its name where Kubernetes can do so, in the release's namespace."""
    objects = rendered(operator={"leaseName": "mine", "watchNamespaces": ["team-a"]})
    create, rest = one(objects, "Role", "headpond-operator-lease")["rules"]
    assert (create["verbs"], create["resources"]) == (["create"], ["leases"])
    assert (rest["resourceNames"], rest["resources"]) == (["mine"], ["leases"])
    assert set(rest["verbs"]) == {"get", "update"}
    assert names(objects, "Role").count("headpond-operator-lease") == 1


def test_more_namespaces_are_bound_one_by_one(rendered: Callable[..., list[Object]]) -> None:
    """Each watched namespace has a Role and a binding to the account of the release's namespace."""
    objects = rendered(operator={"watchNamespaces": ["team-a"]})
    for namespace in ("jobs", "team-a"):
        assert rights(one(objects, "Role", "headpond-operator", namespace)) == RIGHTS
        binding = one(objects, "RoleBinding", "headpond-operator", namespace)
        (subject,) = binding["subjects"]
        assert subject["namespace"] == "jobs"
        assert subject["name"] == "headpond-operator"
    assert names(objects, "ClusterRole") == []


def test_the_whole_cluster_on_demand(rendered: Callable[..., list[Object]]) -> None:
    """`clusterWide` makes one ClusterRole of the same rights, named after the namespace too."""
    objects = rendered(operator={"clusterWide": True})
    assert rights(one(objects, "ClusterRole", "jobs-headpond-operator")) == RIGHTS
    binding = one(objects, "ClusterRoleBinding", "jobs-headpond-operator")
    assert binding["roleRef"]["name"] == "jobs-headpond-operator"
    assert names(objects, "Role") == ["headpond-operator-lease"]


def test_somebody_else_may_bind(rendered: Callable[..., list[Object]]) -> None:
    """Without `rbac.create` there are no roles, and an account of one's own is used."""
    objects = rendered(
        operator={
            "rbac": {"create": False},
            "serviceAccount": {"create": False, "name": "somebody"},
        }
    )
    assert names(objects, "Role") == names(objects, "RoleBinding") == []
    spec = one(objects, "Deployment", "headpond-operator")["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "somebody"


def test_redis_is_shut_to_strangers(rendered: Callable[..., list[Object]]) -> None:
    """With network policies API, operator and workers reach Redis, and Redis reaches nobody."""
    objects = rendered(networkPolicy={"enabled": True}, operator={"watchNamespaces": ["team-a"]})
    spec = one(objects, "NetworkPolicy", "headpond-redis")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in spec
    (rule,) = spec["ingress"]
    api, operator, workers = rule["from"]
    assert api["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "api"
    assert operator["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "operator"
    assert workers["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "headpond-worker",
        "app.kubernetes.io/managed-by": "headpond",
    }
    (where,) = workers["namespaceSelector"]["matchExpressions"]
    assert where["values"] == ["jobs", "team-a"]
