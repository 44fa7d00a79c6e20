"""How many workers a queue shall have: one pure function, and every step of it in words."""

from headpond.scaling.decide import decide, wake_mark
from headpond.scaling.memory import Memory, memory_from_json, recall
from headpond.scaling.model import (
    Behavior,
    Decision,
    Inputs,
    Mode,
    Pause,
    Policy,
    Rate,
    Seen,
    Select,
    Step,
    Target,
    Window,
)

__all__ = [
    "Behavior",
    "Decision",
    "Inputs",
    "Memory",
    "Mode",
    "Pause",
    "Policy",
    "Rate",
    "Seen",
    "Select",
    "Step",
    "Target",
    "Window",
    "decide",
    "memory_from_json",
    "recall",
    "wake_mark",
]
