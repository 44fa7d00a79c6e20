"""How many workers a queue shall have: one pure function, and every step of it in words."""

from headpond.scaling.model import (
    Behavior,
    Decision,
    Inputs,
    Mode,
    Pause,
    Policy,
    Rate,
    Select,
    Step,
    Target,
    Window,
)

__all__ = [
    "Behavior",
    "Decision",
    "Inputs",
    "Mode",
    "Pause",
    "Policy",
    "Rate",
    "Select",
    "Step",
    "Target",
    "Window",
]
