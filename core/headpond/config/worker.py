"""`spec.worker`: the pods that run the jobs. Only Kubernetes needs most of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from headpond.config.model import Part, contradiction

KubeObject = dict[str, Any]
"""A fragment of a Kubernetes object; the API server checks it."""

KubeList = Annotated[tuple[KubeObject, ...], Field(strict=False)]


class TargetRef(Part):
    """A Deployment that someone else owns."""

    api_version: str = "apps/v1"
    """Its group and version."""
    kind: Literal["Deployment"] = "Deployment"
    """Its kind."""
    name: str = Field(min_length=1)
    """Its name, in the same namespace."""


class WorkerSpec(Part):
    """The workers."""

    apps: Annotated[tuple[str, ...], Field(strict=False, max_length=100)] = ()
    """Modules that hold an App; empty: those of the installation."""
    image: str | None = None
    """Image of the worker container; absent: the installation's."""
    resources: KubeObject | None = None
    """Requests and limits of the container."""
    env: KubeList = ()
    """Environment of the container."""
    env_from: KubeList = ()
    """Config maps and secrets that become environment."""
    node_selector: dict[str, str] | None = None
    """Labels of the nodes allowed."""
    tolerations: KubeList = ()
    """Taints of nodes that are tolerated."""
    affinity: KubeObject | None = None
    """Affinity of the pods."""
    service_account_name: str | None = None
    """Whom the pods run as."""
    pod_template: KubeObject | None = None
    """Laid over the pod template that the operator makes."""
    target_ref: TargetRef | None = None
    """Scale a Deployment that someone else owns, instead of creating one."""

    @model_validator(mode="after")
    def _one_owner(self) -> WorkerSpec:
        for field in ("image", "pod_template"):
            if self.target_ref is not None and getattr(self, field) is not None:
                alias = type(self).model_fields[field].alias
                sentence = f"{alias} is given, but targetRef names someone else's Deployment."
                raise contradiction(f"/{alias}", sentence)
        return self
