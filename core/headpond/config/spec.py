"""The QueueConfig: one schema for kubectl, `headpond up -f`, the API and the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from headpond.config import convert
from headpond.config.jobs import JobsSpec
from headpond.config.model import Part, contradiction
from headpond.config.scaling import Replicas, ScalingSpec
from headpond.config.worker import WorkerSpec

if TYPE_CHECKING:
    from headpond.queues import QueueSettings
    from headpond.retries import RetryPolicy
    from headpond.scaling import Policy

API_VERSION = "headpond.dev/v1alpha1"
KIND = "QueueConfig"


class QueueConfigSpec(Part):
    """What a queue is to be."""

    queue: str | None = None
    """The queue's name; absent: metadata.name. Can't be changed later."""
    pause: Literal["None", "Hold", "Drain"] = "None"
    """`Hold` starts no more jobs, `Drain` also takes the workers away; both accept new jobs."""
    paused: bool | None = None
    """`true` is another word for `pause: Hold`."""
    replicas: Replicas | None = None
    """The number of workers in `scaling.mode: Manual`; what `kubectl scale` writes."""
    jobs: JobsSpec = JobsSpec()
    """How jobs run."""
    scaling: ScalingSpec = ScalingSpec()
    """How many workers."""
    worker: WorkerSpec = WorkerSpec()
    """What the workers are."""
    deletion_policy: Literal["Retain", "Delete"] = "Retain"
    """`Retain`: the jobs outlive the object."""

    @property
    def pause_in_force(self) -> Literal["None", "Hold", "Drain"]:
        """`pause`, with `paused: true` understood as Hold."""
        return "Hold" if self.paused and self.pause == "None" else self.pause

    def to_settings(self) -> QueueSettings:
        """Return what the store must know of the queue; `document` is the spec as JSON."""
        return convert.to_settings(self)

    def to_policy(self) -> Policy:
        """Return what the scaling must know."""
        return convert.to_policy(self)

    def retry_policy(self) -> RetryPolicy:
        """Return when a job that failed runs again."""
        return convert.retry_policy(self)

    @model_validator(mode="after")
    def _one_pause(self) -> QueueConfigSpec:
        if "pause" not in self.model_fields_set or self.paused is None:
            return self
        if self.paused != (self.pause != "None"):
            said = "true" if self.paused else "false"
            sentence = f"paused {said} contradicts pause {self.pause!r}; keep one of them."
            raise contradiction("/paused", sentence)
        return self

    @model_validator(mode="after")
    def _replicas_are_manual(self) -> QueueConfigSpec:
        manual = self.scaling.mode == "Manual"
        if manual and self.replicas is None:
            sentence = "mode 'Manual' needs spec.replicas, the number of workers."
            raise contradiction("/scaling/mode", sentence)
        if self.replicas is not None and not manual:
            sentence = (
                f"replicas {self.replicas} is only obeyed in scaling.mode 'Manual',"
                f" and the mode is {self.scaling.mode!r}."
            )
            raise contradiction("/replicas", sentence)
        return self


class Metadata(Part):
    """A Kubernetes object's metadata; what the API server adds is taken and left alone."""

    name: str = Field(min_length=1, max_length=253)
    """The object's name."""
    namespace: str | None = None
    """Where it lives in a cluster."""
    labels: dict[str, str] | None = None
    """For selection."""
    annotations: dict[str, str] | None = None
    """For tools."""
    uid: Any = None
    generation: Any = None
    resource_version: Any = None
    creation_timestamp: Any = None
    deletion_timestamp: Any = None
    managed_fields: Any = None
    owner_references: Any = None
    finalizers: Any = None
    self_link: Any = None


class QueueConfigDocument(Part):
    """The whole object, as `kubectl` takes it."""

    api_version: Literal["headpond.dev/v1alpha1"]
    """headpond.dev/v1alpha1."""
    kind: Literal["QueueConfig"]
    """QueueConfig."""
    metadata: Metadata
    """Its name."""
    spec: QueueConfigSpec = QueueConfigSpec()
    """What the queue is to be."""
    status: Any = None
    """Written by the operator; not read here."""
