"""An operator's account in one namespace: the chart's rights exactly, and a kubeconfig for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import yaml

from kube_cluster import CHART

if TYPE_CHECKING:
    from pathlib import Path

    from kube_cluster import Kube

TEMPLATES: Final = ("rbac.yaml", "serviceaccount.yaml")
ACCOUNT: Final = "headpond-operator"
"""As the chart names it for a release `headpond`; the Role too."""


def grant(kube: Kube) -> None:
    """Give the operator of this namespace the rights that the chart would."""
    shown = [word for name in TEMPLATES for word in ("-s", f"templates/operator/{name}")]
    rendered = kube.helm("template", "headpond", str(CHART), *shown)
    kube.apply(*(each for each in yaml.safe_load_all(rendered) if each))


def kubeconfig_of(kube: Kube, folder: Path, server: str = "") -> Path:
    """Write a kubeconfig of that account; `server` may lead through a proxy."""
    (cluster,) = json.loads(kube.kubectl("config", "view", "--raw", "--minify", "--output=json"))[
        "clusters"
    ]
    cluster["cluster"]["server"] = server or cluster["cluster"]["server"]
    token = kube.kubectl("create", "token", ACCOUNT).strip()
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": ACCOUNT, "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": cluster["name"], "user": ACCOUNT}}],
        "current-context": "here",
    }
    path = folder / f"{kube.name}{'-proxied' if server else ''}.kubeconfig"
    path.write_text(json.dumps(document))
    return path
