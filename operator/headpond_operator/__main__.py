"""`headpond operator`: serves the QueueConfigs of a Kubernetes cluster."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Final

import click

from headpond.errors import HeadpondError
from headpond.settings import OperatorSettings, from_environment
from headpond.telemetry.logs import configure_logging, say_refusal
from headpond_operator.runtime import Operator

PROGRAM: Final = "headpond operator"
EXAMPLES = """
\b
Examples:
  headpond operator
  HEADPOND_WATCH_NAMESPACES='*' headpond operator
  KUBECONFIG=~/.kube/config HEADPOND_REDIS_URL=redis://localhost headpond operator
"""


@click.command(epilog=EXAMPLES)
def operator() -> None:
    """Watch QueueConfigs, keep their worker Deployments, and scale them, until SIGTERM.

    Everything comes from HEADPOND_* variables; the cluster from the pod's service account, or from
    KUBECONFIG. Several may run: the one that holds the Lease acts.
    """
    try:
        settings = from_environment(OperatorSettings)
        configure_logging(settings.log_level, settings.log_format)
        # kopf tells of each event at the level info; what matters we say ourselves.
        logging.getLogger("kopf").setLevel(logging.WARNING)
        asyncio.run(Operator(settings).run())
    except HeadpondError as error:
        say_refusal(PROGRAM, str(error))
        sys.exit(2)


if __name__ == "__main__":
    operator()
