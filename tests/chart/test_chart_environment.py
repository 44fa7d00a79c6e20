"""What the pods get as environment is what the processes read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chart import CHART, environment, one, render, worker_template
from headpond.cli.check.variables import known_variables
from headpond.config import QueueConfig, QueueConfigSpec
from headpond.redis.address import parse
from headpond.settings import ApiSettings, OperatorSettings, WorkerSettings
from headpond_operator.manifests import Installation, pod_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from chart import Object

SECRETS = {
    "login/password": "p@ss/1 $(x)",
    "login/percent": "p%40ss%2F1",
    "login/address": "rediss://user:word@elsewhere:6380/2",
}
KEY = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

ADDRESSES: list[tuple[dict[str, Any], str]] = [
    ({"host": "r"}, "redis://r:6379/0"),
    ({"host": "r", "port": 7000, "database": 3}, "redis://r:7000/3"),
    ({"url": "redis+cluster://:word@a,b/"}, "redis+cluster://:word@a,b/"),
    ({"existingSecret": "login", "urlKey": "address"}, SECRETS["login/address"]),
    ({"host": "r", "password": "p@ss/1 #+%ü"}, "redis://:p%40ss%2F1%20%23%2B%25%C3%BC@r:6379/0"),
    # With REDIS_HOST and its like any password will do; the process itself puts it into percent.
    ({"host": "r", "existingSecret": "login"}, "redis://:p%40ss%2F1%20%24%28x%29@r:6379/0"),
    (
        {"host": "r", "username": "u", "existingSecret": "login", "passwordKey": "percent"},
        "redis://u:p%40ss%2F1@r:6379/0",
    ),
    (
        {
            "mode": "sentinel",
            "nodes": ["a:26379", "b:26379"],
            "master": "jobs",
            "password": "word",
            "database": 1,
            "options": {"socket_timeout": 10, "sentinel_password": "a b"},
        },
        (
            "redis+sentinel://:word@a:26379,b:26379/1?master=jobs&sentinel_password=a%20b"
            "&socket_timeout=10"
        ),
    ),
    (
        {
            "mode": "cluster",
            "nodes": ["a:6379", "b:6379"],
            "tls": {"enabled": True, "caSecret": "ca", "clientSecret": "mine"},
        },
        (
            "rediss+cluster://a:6379,b:6379/0?ssl_ca_certs=/etc/headpond/redis-ca/ca.crt"
            "&ssl_certfile=/etc/headpond/redis-client/tls.crt"
            "&ssl_keyfile=/etc/headpond/redis-client/tls.key"
        ),
    ),
]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take Redis variables of this machine away."""
    for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB", "HEADPOND_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def template_of(objects: list[Object], component: str) -> Object:
    """Return the pod template of api, operator or worker."""
    if component == "worker":
        return worker_template(objects)
    template: Object = one(objects, "Deployment", f"headpond-{component}")["spec"]["template"]
    return template


@pytest.mark.parametrize(("external", "url"), ADDRESSES, ids=range(len(ADDRESSES)))
@pytest.mark.parametrize("component", ["api", "operator", "worker"])
def test_every_way_to_redis_is_an_address(
    helm: str, clean: pytest.MonkeyPatch, external: dict[str, Any], url: str, component: str
) -> None:
    """All three processes read the address that the values mean, whatever is in the password."""
    objects = render(helm, {"redis": {"enabled": False}, "externalRedis": external})
    seen = environment(objects, template_of(objects, component), SECRETS)
    for name, value in seen.items():
        clean.setenv(name, value)
    assert WorkerSettings().url == url
    parse(url)


def test_the_releases_own_redis(
    rendered: Callable[..., list[Object]], clean: pytest.MonkeyPatch
) -> None:
    """Its password is made by the chart, is the same everywhere, and fits into an address."""
    objects = rendered()
    seen = {
        name: environment(objects, template_of(objects, name))
        for name in ("api", "operator", "worker")
    }
    redis = one(objects, "StatefulSet", "headpond-redis")["spec"]["template"]
    password = environment(objects, redis)["REDIS_PASSWORD"]
    assert {each["REDIS_PASSWORD"] for each in seen.values()} == {password}
    assert len(password) == 32
    for name, value in seen["api"].items():
        clean.setenv(name, value)
    assert ApiSettings().url == f"redis://:{password}@headpond-redis.jobs.svc:6379/0"


def test_the_api_reads_what_it_gets(newest: str, clean: pytest.MonkeyPatch) -> None:
    """Key, apps, log and encryption keys arrive, and it listens for others than itself."""
    objects = render(newest, None, CHART / "ci" / "everything-on-values.yaml")
    for name, value in environment(objects, template_of(objects, "api")).items():
        clean.setenv(name, value)
    settings = ApiSettings()
    assert settings.host == "0.0.0.0"  # noqa: S104 (a pod's own)
    assert settings.apps == ("headpond_school", "billing.jobs")
    assert (settings.log_format, settings.log_level) == ("json", "debug")
    assert settings.api_key.get_secret_value() == "hp_0123456789abcdef0123456789abcdef"
    assert settings.keyring()


def test_the_operator_reads_what_it_gets(
    rendered: Callable[..., list[Object]], clean: pytest.MonkeyPatch
) -> None:
    """Namespaces, Lease and the workers' image arrive; no key to payloads does."""
    objects = rendered(
        operator={"watchNamespaces": ["team-a"]}, encryptionKeys={"value": KEY}, image={"tag": "7"}
    )
    seen = environment(objects, template_of(objects, "operator"))
    assert not {"HEADPOND_API_KEY", "HEADPOND_ENCRYPTION_KEYS", "HEADPOND_DATABASE_URL"} & set(seen)
    for name, value in seen.items():
        clean.setenv(name, value)
    settings = OperatorSettings()
    assert settings.watch_namespaces == ("jobs", "team-a")
    assert settings.worker_image == "headpond-worker:7"
    assert settings.lease_name == "headpond-operator"
    template = one(objects, "Deployment", "headpond-operator")["spec"]["template"]["spec"]
    mounts = {each["mountPath"] for each in template["containers"][0]["volumeMounts"]}
    assert settings.worker_template_file.rpartition("/")[0] in mounts


@pytest.mark.parametrize(
    ("operator", "said"),
    [({}, ""), ({"clusterWide": True}, "*"), ({"watchNamespaces": ["b", "a"]}, "jobs,b,a")],
)
def test_what_the_operator_watches(
    rendered: Callable[..., list[Object]], operator: dict[str, Any], said: str
) -> None:
    """Its own namespace, all of them, or its own and some more."""
    objects = rendered(operator=operator)
    seen = environment(objects, template_of(objects, "operator"))
    assert seen["HEADPOND_WATCH_NAMESPACES"] == said


def test_the_template_fits_the_operators_own(
    rendered: Callable[..., list[Object]], clean: pytest.MonkeyPatch
) -> None:
    """Laid over the operator's template it makes one pod with one container that runs."""
    objects = rendered(
        worker={"extraEnv": [{"name": "SMTP_HOST", "value": "smtp"}], "podLabels": {"a": "b"}},
        image={"pullSecrets": [{"name": "login"}]},
        encryptionKeys={"value": KEY},
    )
    config = QueueConfig("attendance", "attendance", QueueConfigSpec())
    installation = Installation("headpond-worker:7", "headpond", worker_template(objects))
    made = pod_template("attendance", config, installation)
    (container,) = made["spec"]["containers"]
    assert container["args"] == ["worker", "--queue", "attendance"]
    assert container["image"] == "headpond-worker:7"
    assert [each["name"] for each in container["volumeMounts"]] == ["tmp"]
    assert [each["name"] for each in made["spec"]["volumes"]] == ["tmp"]
    assert made["spec"]["imagePullSecrets"] == [{"name": "login"}]
    assert made["spec"]["serviceAccountName"] == "headpond-worker"
    labels = made["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "headpond-worker"
    assert (labels["a"], labels["headpond.dev/queueconfig"]) == ("b", "attendance")
    seen = environment(objects, made)
    for name, value in seen.items():
        clean.setenv(name, value)
    assert WorkerSettings().keyring()
    assert seen["SMTP_HOST"] == "smtp"


def test_cluster_wide_workers_use_the_account_that_every_namespace_has(
    rendered: Callable[..., list[Object]],
) -> None:
    """The chart can't make one everywhere; one that is named is taken as it is."""
    spec = worker_template(rendered(operator={"clusterWide": True}))["spec"]
    assert "serviceAccountName" not in spec
    named = rendered(operator={"clusterWide": True}, worker={"serviceAccount": {"name": "w"}})
    assert worker_template(named)["spec"]["serviceAccountName"] == "w"


@pytest.mark.parametrize("component", ["api", "operator", "worker"])
def test_every_variable_is_known(newest: str, component: str) -> None:
    """No process gets a HEADPOND_ variable that nobody reads."""
    objects = render(newest, None, CHART / "ci" / "everything-on-values.yaml")
    seen = environment(objects, template_of(objects, component))
    apps = {"HEADPOND_DATABASE_URL"}
    assert {
        name for name in seen if name.startswith("HEADPOND_")
    } - known_variables() - apps == set()


def test_pods_start_anew_with_their_secrets(rendered: Callable[..., list[Object]]) -> None:
    """A password that changes in the values changes the pods; one that the chart made doesn't."""

    def checksums(objects: list[Object]) -> list[str]:
        return [
            template_of(objects, each)["metadata"]["annotations"]["checksum/secrets"]
            for each in ("api", "operator", "worker")
        ]

    def external(password: str) -> list[str]:
        where = {"host": "r", "password": password}
        return checksums(rendered(redis={"enabled": False}, externalRedis=where))

    assert checksums(rendered()) == checksums(rendered())
    assert not set(external("one")) & set(external("two"))
