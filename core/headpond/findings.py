"""What a look at an installation finds: values for the start-up gate and `headpond check`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding means for whoever starts."""

    OK = "ok"
    """Nothing to do."""
    WARN = "warn"
    """It works, and somebody should know."""
    REFUSE = "refuse"
    """Jobs would be lost, or nothing would work: don't start."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    """What was looked at, in a word or two."""
    severity: Severity
    sentence: str
    """What was found and, unless all is well, what to do."""

    @property
    def is_refusal(self) -> bool:
        """Whether nothing must start."""
        return self.severity is Severity.REFUSE


def fine(name: str, sentence: str) -> Finding:
    """Say that all is well."""
    return Finding(name, Severity.OK, sentence)


def warning(name: str, sentence: str) -> Finding:
    """Say what somebody should know."""
    return Finding(name, Severity.WARN, sentence)


def refusal(name: str, sentence: str) -> Finding:
    """Say why nothing must start."""
    return Finding(name, Severity.REFUSE, sentence)
