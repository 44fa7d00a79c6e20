"""Parts of Kubernetes' own objects in `spec.worker`, as far as a light schema helps. Pure.

Where Kubernetes adds fields from one version to the next (affinity, a pod template, the sources of
a variable) the schema takes whatever comes: the API server checks it in the Deployment, and the
operator says in a condition what it refused.
"""

from __future__ import annotations

from typing import Any, Final

INT_OR_STRING: Final[dict[str, Any]] = {
    "x-kubernetes-int-or-string": True,
    "anyOf": [{"type": "integer"}, {"type": "string"}],
}

ANYTHING: Final[dict[str, Any]] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TEXT: Final = {"type": "string"}
_QUANTITY: Final[dict[str, Any]] = {
    **INT_OR_STRING,
    "pattern": (
        r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
        r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
    ),
}
"""The pattern is Kubernetes' own for quantities."""


def _object(about: dict[str, dict[str, Any]], required: tuple[str, ...] = ()) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": about}
    return {**schema, "required": list(required)} if required else schema


def _said(schema: dict[str, Any], words: str) -> dict[str, Any]:
    return {**schema, "description": words}


def _reference(of: str) -> dict[str, Any]:
    fields = {
        "name": _said(_TEXT, f"The {of}'s name."),
        "optional": _said({"type": "boolean"}, "Whether the pods may start without it."),
    }
    return _said(_object(fields, ("name",)), f"A {of} of the same namespace.")


_AMOUNTS: Final = {"type": "object", "additionalProperties": _QUANTITY}

FRAGMENTS: Final[dict[str, dict[str, Any]]] = {
    "spec.worker.resources": _object(
        {
            "requests": _said(_AMOUNTS, "What a worker is sure to get, such as cpu: 100m."),
            "limits": _said(_AMOUNTS, "What a worker never gets more of, such as memory: 256Mi."),
            "claims": {
                "type": "array",
                "items": ANYTHING,
                "description": "Claims of the pod that the container uses.",
            },
        }
    ),
    "spec.worker.env[]": _object(
        {
            "name": _said({**_TEXT, "minLength": 1}, "Name of the variable."),
            "value": _said(_TEXT, "Its value; numbers and booleans want quotes."),
            "valueFrom": _said(ANYTHING, "Where the value is, such as a secretKeyRef."),
        },
        ("name",),
    ),
    "spec.worker.envFrom[]": _object(
        {
            "prefix": _said(_TEXT, "Put before each name."),
            "configMapRef": _reference("ConfigMap"),
            "secretRef": _reference("Secret"),
        }
    ),
    "spec.worker.tolerations[]": _object(
        {
            "key": _said(_TEXT, "The taint's key; absent: every taint."),
            "operator": _said(_TEXT, "Exists or Equal, and what else the cluster knows."),
            "value": _said(_TEXT, "The taint's value."),
            "effect": _said(_TEXT, "NoSchedule, PreferNoSchedule or NoExecute; absent: all."),
            "tolerationSeconds": _said(
                {"type": "integer", "format": "int64"}, "How long NoExecute is tolerated."
            ),
        }
    ),
    "spec.worker.affinity": ANYTHING,
    "spec.worker.podTemplate": ANYTHING,
}
"""By path; `[]` for the items of a list."""
