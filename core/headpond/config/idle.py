"""Fields that were given and do nothing: said out loud, never silently dropped.

Two kinds: what only Kubernetes needs, and what this version takes but does not enforce yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headpond.config.jobs import JobsSpec, TenantLimits
    from headpond.config.model import Part
    from headpond.config.spec import QueueConfigSpec

ONLY_KUBERNETES: Final = "has no effect outside Kubernetes"
NOT_ENFORCED: Final = "is not enforced by this version"

IDLE_FIELDS: Final = {
    "spec.worker.* (but apps)": ONLY_KUBERNETES,
    "spec.deletionPolicy": ONLY_KUBERNETES,
    "spec.jobs.rateLimit": NOT_ENFORCED,
    "spec.jobs.durability (but fast)": NOT_ENFORCED,
    "spec.jobs.tenants": NOT_ENFORCED,
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
    yield from _jobs(spec.jobs)


def _jobs(jobs: JobsSpec) -> Iterator[tuple[str, str]]:
    if jobs.rate_limit is not None:
        yield "/spec/jobs/rateLimit", NOT_ENFORCED
    if jobs.durability != "fast":
        yield "/spec/jobs/durability", f"{jobs.durability!r} {NOT_ENFORCED}: it is 'fast'"
    yield from _tenants("/spec/jobs/tenants/default", jobs.tenants.default)
    for name, limits in jobs.tenants.overrides.items():
        yield from _tenants(f"/spec/jobs/tenants/overrides/{name}", limits)


def _tenants(at: str, limits: TenantLimits) -> Iterator[tuple[str, str]]:
    for field in _given(limits):
        yield at + field, NOT_ENFORCED


def _given(part: Part) -> list[str]:
    """Return the pointers of what was said, in the schema's order."""
    return [
        f"/{field.alias}"
        for name, field in type(part).model_fields.items()
        if name in part.model_fields_set
    ]
