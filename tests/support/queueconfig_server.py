"""A real API server with the CRD, as a test of the QueueConfig sees it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubernetes import client, config

from headpond.config import API_VERSION
from headpond_operator.crd import crd

if TYPE_CHECKING:
    from pathlib import Path

GROUP, _, VERSION = API_VERSION.partition("/")
PLURAL = crd()["spec"]["names"]["plural"]
CREATED = 201


@dataclass(frozen=True, slots=True)
class QueueConfigServer:
    """One namespace of a cluster, by kubectl and by HTTP."""

    kubeconfig: Path
    kubectl: Path
    namespace: str

    def run(self, *args: str, stdin: Any = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl in the namespace; `stdin` is an object for `-f -`."""
        command = [str(self.kubectl), f"--kubeconfig={self.kubeconfig}", "-n", self.namespace]
        text = None if stdin is None else json.dumps(stdin)
        return subprocess.run(
            [*command, *args], input=text, capture_output=True, text=True, timeout=30, check=False
        )

    def say(self, *args: str, stdin: Any = None) -> str:
        """Run kubectl, which must succeed, and return what it says."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refuse(self, *args: str, stdin: Any = None) -> str:
        """Run kubectl, which must fail, and return why."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def get(self, name: str) -> dict[str, Any]:
        """Return a QueueConfig."""
        found: dict[str, Any] = json.loads(self.say("get", "qc", name, "-o", "json"))
        return found

    def api(self) -> client.CustomObjectsApi:
        """Return a client; kubectl takes a tenth of a second for each question."""
        return client.CustomObjectsApi(config.new_client_from_config(str(self.kubeconfig)))

    def verdict(self, api: client.CustomObjectsApi, document: dict[str, Any]) -> tuple[int, str]:
        """Return the status and the sentence for an object that is not kept."""
        try:
            api.create_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                document,
                dry_run="All",
                field_validation="Strict",
            )
        except client.ApiException as refusal:
            return refusal.status, json.loads(refusal.body or "{}")["message"]
        return CREATED, ""
