"""The loop around the scaling decision, and the fleets that are not Kubernetes."""

from headpond.governor.loop import Governor, Look, Pace

__all__ = ["Governor", "Look", "Pace"]
