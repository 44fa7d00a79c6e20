"""Pods that are there for their number alone: in tests and benchmarks that play the workers."""

from __future__ import annotations

from typing import Any, Final

PAUSE: Final = "registry.k8s.io/pause:3.10.1"
"""Every node has it."""
SITTING: Final[dict[str, Any]] = {
    "image": PAUSE,
    "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}},
    "podTemplate": {
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": "worker",
                    "startupProbe": None,
                    "livenessProbe": None,
                    "readinessProbe": None,
                }
            ],
        }
    },
}
"""`spec.worker` of pods that are ready and do nothing."""
