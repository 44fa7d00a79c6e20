"""What the operator watches, and where the API server has it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headpond_operator.cluster import DEPLOYMENTS, HPAS, QUEUES, SCALED_OBJECTS


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of objects."""

    kind: str
    group: str
    version: str
    plural: str
    is_needed: bool = True
    """Without it there is nothing to do; others may be missing or forbidden."""
    is_watched: bool = True
    """Others are only listed now and then: a watch of theirs must not end the process."""

    def path(self, namespace: str) -> str:
        """Return where its lists are; `""`: of all namespaces.

        >>> RESOURCES[1].path("shop")
        '/apis/apps/v1/namespaces/shop/deployments'
        """
        where = f"namespaces/{namespace}/" if namespace else ""
        return f"/apis/{self.group}/{self.version}/{where}{self.plural}"


RESOURCES: Final = (
    Resource(QUEUES, "headpond.dev", "v1alpha1", "queueconfigs"),
    Resource(DEPLOYMENTS, "apps", "v1", "deployments"),
    Resource(HPAS, "autoscaling", "v2", "horizontalpodautoscalers", is_needed=False),
    Resource(
        SCALED_OBJECTS, "keda.sh", "v1alpha1", "scaledobjects", is_needed=False, is_watched=False
    ),
)
