"""Encryption of what jobs carry: keys that can be rotated, and what of a job is sealed with them.

The library behind it is loaded with the first job that is sealed or opened, and never before.
"""

from headpond.sealing.contents import (
    SHOWN,
    Place,
    open_envelope,
    open_outcome,
    seal_envelope,
    seal_outcome,
    seal_values,
)
from headpond.sealing.keys import Keyring

__all__ = [
    "SHOWN",
    "Keyring",
    "Place",
    "open_envelope",
    "open_outcome",
    "seal_envelope",
    "seal_outcome",
    "seal_values",
]
