"""The peer with the same middleware as `ours_taskiq`."""

from __future__ import annotations

from harness.handlers import Watching
from harness.stock import SIDE, broker

broker.add_middlewares(Watching())

__all__ = ["SIDE", "broker"]
