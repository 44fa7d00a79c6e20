"""The reports of a worker that the machine may draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from bench import BAD, GOOD
from headpond.envelope import Outcome, Progress, pack
from headpond.jobs import Done, Failed, FailReason, Progressed, Released, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.jobs import Claim, Ended

STOPPED: Final = pack(Outcome(started_ms=1, run_us=2, error="CancelledError", message="stopped"))
HALF: Final = pack(Progress(1, 2, "half of it"))

REPORTS: Final[dict[str, Callable[[Claim, int], Ended]]] = {
    "done": lambda c, _: Done(c.id, c.fence, GOOD, run_us=3),
    "failed": lambda c, _: Failed(c.id, c.fence, BAD, 5, reason=FailReason.TIMEOUT),
    "retried": lambda c, ms: Failed(c.id, c.fence, BAD, 7, retry_in_ms=ms),
    "released": lambda c, ms: Released(c.id, c.fence, delay_ms=ms),
    "parked": lambda c, ms: Released(c.id, c.fence, delay_ms=ms, parked="new-type"),
    "changed": lambda c, ms: Released(c.id, c.fence, delay_ms=ms, body=b"changed"),
    "stopped": lambda c, _: Stopped(c.id, c.fence, STOPPED, 11),
    "unbegun": lambda c, _: Stopped(c.id, c.fence, STOPPED, 0),
    "progressed": lambda c, _: Progressed(c.id, c.fence, HALF),
    "forged": lambda c, _: Done(c.id, f"{c.fence}0", GOOD, 13),
}
"""Each kind of report of a claim; the number is its delay."""

KINDS: Final = st.sampled_from([*REPORTS, "done", "done", "retried"])


def make_report(claim: Claim, kind: str, delay_ms: int) -> Ended:
    """Report this claim."""
    return REPORTS[kind](claim, delay_ms)
