"""The CustomResourceDefinition of the QueueConfig, made from the models of `headpond.config`. Pure.

Write it again with `python -m headpond_operator.crd > charts/headpond/crds/queueconfigs.yaml`; a
test fails when the file and the models differ.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import yaml
from typing_extensions import override

from headpond.config import API_VERSION, KIND, QueueConfigSpec
from headpond_operator.crd_rules import ROOT
from headpond_operator.crd_schema import RULES, model_schema
from headpond_operator.status_model import QueueConfigStatus

HEAD: Final = """\
# Made from the models in core/headpond/config/ by
#   python -m headpond_operator.crd > charts/headpond/crds/queueconfigs.yaml
# Don't edit it: change the models, and make it again.
"""

COLUMNS: Final = (
    ("Paused", "string", ".status.pause.effective", "None, Hold or Drain."),
    ("Waiting", "integer", ".status.queue.waiting", "Jobs that could start now."),
    ("Active", "integer", ".status.queue.active", "Jobs that workers run."),
    ("Age-Oldest", "string", ".status.queue.oldestAge", "How long the oldest job waits."),
    ("Desired", "integer", ".status.desiredReplicas", "Workers decided."),
    ("Ready", "integer", ".status.readyReplicas", "Workers that are ready."),
    ("Reason", "string", ".status.lastDecision.rule", "The rule that decided the number."),
    ("Age", "date", ".metadata.creationTimestamp", "How long the QueueConfig is there."),
)
WIDE_COLUMNS: Final = (
    ("Queue", "string", ".status.queue.name", "The queue's name."),
    ("Mode", "string", ".spec.scaling.mode", "What becomes of a decision; empty: Auto."),
    ("Delayed", "integer", ".status.queue.delayed", "Jobs whose time is yet to come."),
    ("Failed", "integer", ".status.queue.failed", "Dead letters."),
    ("Deployment", "string", ".status.deployment", "The Deployment that is scaled."),
    ("Summary", "string", ".status.summary", "All of it in one sentence."),
)
"""Only with `kubectl get -o wide`."""


def crd() -> dict[str, Any]:
    """Return the CustomResourceDefinition."""
    group, _, version = API_VERSION.partition("/")
    singular = KIND.lower()
    plural = f"{singular}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": plural,
                "singular": singular,
                "shortNames": ["qc"],
                "categories": ["headpond"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _root()},
                }
            ],
        },
    }


def to_yaml() -> str:
    """Return the CustomResourceDefinition as the chart carries it."""
    text = yaml.dump(crd(), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    return HEAD + text


def _columns() -> list[dict[str, Any]]:
    keys = ("name", "type", "jsonPath", "description")
    usual = [dict(zip(keys, column, strict=True)) for column in COLUMNS]
    wide = [{**dict(zip(keys, column, strict=True)), "priority": 1} for column in WIDE_COLUMNS]
    return [*usual, *wide]


def _root() -> dict[str, Any]:
    spec = "What the queue is to be. What is absent has the default of the app's code, else ours."
    status = "What the operator last saw, decided and did; what is not known is absent."
    return {
        "type": "object",
        "description": "A queue of jobs, and the workers that it gets.",
        "properties": {
            "apiVersion": {"type": "string", "description": f"{API_VERSION}."},
            "kind": {"type": "string", "description": f"{KIND}."},
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
            "spec": {"description": spec, **model_schema(QueueConfigSpec, "spec")},
            "status": {"description": status, **model_schema(QueueConfigStatus, "status")},
        },
        RULES: [rule.to_document() for rule in ROOT],
    }


class _Dumper(yaml.SafeDumper):
    """Without aliases, and with lists set in below their key."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True

    @override
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


if __name__ == "__main__":
    sys.stdout.write(to_yaml())
