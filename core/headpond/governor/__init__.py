"""The loop around the scaling decision, and the fleets that are not Kubernetes."""

from headpond.governor.loop import Governor, Pace
from headpond.governor.watch import Look

__all__ = ["Governor", "Look", "Pace"]
