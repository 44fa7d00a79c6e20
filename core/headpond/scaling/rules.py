"""The rules in the order in which they speak: this order is the design. Pure.

Each rule is one function of the case and the number so far; it answers with a `Move`, or with
`None` when it has nothing to say. A `Move` to the same number is said as well: it explains why
nothing happens. Who speaks later is stronger:

1.  the wish: what the load needs (`demand`), less what is on its way (`starting`), and what becomes
    due before a worker could be there (`due`); within the bounds that people set (`min`,
    `schedule`, `max`). That is the recommendation which the memory keeps.
2.  time: not back and forth (`stabilization`), no faster than allowed (`rate`), not to zero before
    it was quiet for long enough (`idle`);
3.  care: what must not be hurt or wasted (`busy`, `crash-loop`, `restart`);
4.  orders: what somebody decided for us (`manual`, `drain`, `frozen`);
5.  and over all of it, never down while the queue is not known (`store-reset`, `unknown`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from headpond.scaling.case import Case, Move
from headpond.scaling.limits import rate, stabilization
from headpond.scaling.orders import drain, frozen, manual, store_reset, unknown, unknown_first
from headpond.scaling.quiet import busy, crash_loop, idle, restart
from headpond.scaling.wishes import demand, due, maximum, minimum, schedule, starting

Rule = Callable[[Case, int], Move | None]

WISHES: Final[tuple[tuple[str, Rule], ...]] = (
    ("unknown", unknown_first),
    ("demand", demand),
    ("starting", starting),
    ("due", due),
    ("min", minimum),
    ("schedule", schedule),
    ("max", maximum),
)
"""What comes out of these is the recommendation of the moment."""

LIMITS: Final[tuple[tuple[str, Rule], ...]] = (
    ("stabilization", stabilization),
    ("rate", rate),
    ("idle", idle),
    ("busy", busy),
    ("crash-loop", crash_loop),
    ("restart", restart),
    ("manual", manual),
    ("drain", drain),
    ("frozen", frozen),
    ("store-reset", store_reset),
    ("unknown", unknown),
)
"""What becomes of it, given the past and the present."""

RULES: Final = (*WISHES, *LIMITS)
