"""Fields that were given and do nothing outside Kubernetes: said out loud, never just dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headpond.config.model import Part
    from headpond.config.spec import QueueConfigSpec

ONLY_KUBERNETES: Final = "has no effect outside Kubernetes"

IDLE_FIELDS: Final = {
    "spec.worker.* (but apps)": ONLY_KUBERNETES,
    "spec.deletionPolicy": ONLY_KUBERNETES,
}
"""All of them, for the reference."""


def idle_fields(spec: QueueConfigSpec) -> list[str]:
    """Return a sentence that begins with the JSON pointer for each such field."""
    return [f"{at} {why}." for at, why in _idle(spec)]


def _idle(spec: QueueConfigSpec) -> Iterator[tuple[str, str]]:
    for at in _given(spec.worker):
        if at != "/apps":
            yield f"/spec/worker{at}", ONLY_KUBERNETES
    if "deletion_policy" in spec.model_fields_set:
        yield "/spec/deletionPolicy", ONLY_KUBERNETES


def _given(part: Part) -> list[str]:
    """Return the pointers of what was said, in the schema's order."""
    return [
        f"/{field.alias}"
        for name, field in type(part).model_fields.items()
        if name in part.model_fields_set
    ]
