"""A generated roster, and the marks that are sent for it: new ones, repeats and nonsense."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["new", "repeat", "invalid"]

Key = tuple[str, str, str, str]
"""Tenant, student, session and day: what the database may know only once."""

FIRST_DAY: Final = dt.date(2026, 11, 2)
STATUSES: Final = ("present",) * 17 + ("absent", "late", "excused")
SESSIONS: Final = ("morning", "noon", None)
"""`None` marks the whole day."""
TENANTS: Final = ("greenfield", "riverside")
"""Both number their students from 1, so that a clash of tenants would show."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many marks of each kind."""

    new: int = 4880
    repeats: int = 100
    invalid: int = 20
    seed: int = 7

    @classmethod
    def of(cls, total: int) -> Plan:
        """Return a plan of so many marks, with the shares of the default one.

        >>> Plan.of(5000) == Plan()
        True
        """
        repeats, invalid = total // 50, total // 250
        return cls(total - repeats - invalid, repeats, invalid)

    @property
    def total(self) -> int:
        """All that is sent."""
        return self.new + self.repeats + self.invalid


@dataclass(frozen=True, slots=True)
class Entry:
    """One mark to send."""

    kind: Kind
    body: dict[str, Any]
    first: int = -1
    """For new marks and repeats: the number of the new mark that it is, or repeats."""


def make_roster(plan: Plan) -> list[Entry]:
    """Return the marks in the order to send them; each repeat stands after what it repeats."""
    chance = random.Random(plan.seed)
    marks = [_mark(number, chance) for number in range(plan.new)]
    chance.shuffle(marks)
    placed = [(float(at), Entry("new", body, at)) for at, body in enumerate(marks)]
    placed += [
        (chance.uniform(at + 0.5, plan.new), Entry("repeat", marks[at], at))
        for at in chance.sample(range(plan.new), plan.repeats)
    ]
    placed += [
        (chance.uniform(0, plan.new), Entry("invalid", _spoilt(chance.choice(marks), number)))
        for number in range(plan.invalid)
    ]
    return [entry for _, entry in sorted(placed, key=lambda pair: pair[0])]


def expected_rows(roster: list[Entry]) -> dict[Key, str]:
    """Return the status that the database must have for each key when all is done."""
    return {key_of(entry.body): entry.body["status"] for entry in roster if entry.kind == "new"}


def key_of(body: dict[str, Any]) -> Key:
    """Return the key of a valid mark, as the database spells it."""
    return (
        body["tenantId"],
        str(body["studentId"]),
        body.get("sessionId") or "",
        body["date"][:10],
    )


def _mark(number: int, chance: random.Random) -> dict[str, Any]:
    """Make mark `number`: tenants alternate, then sessions, then 300 students, then the days."""
    rest, tenant = divmod(number, len(TENANTS))
    rest, session = divmod(rest, len(SESSIONS))
    days, student = divmod(rest, 300)
    day = FIRST_DAY + dt.timedelta(days=days)
    numbered = tenant == 0
    body: dict[str, Any] = {
        "tenantId": TENANTS[tenant],
        "institutionId": "north" if student % 2 else "south",
        "studentId": student + 1 if numbered else str(student + 1),
        "date": day.isoformat() if numbered else f"{day.isoformat()}T00:00:00.000Z",
        "status": chance.choice(STATUSES),
    }
    if SESSIONS[session] is not None:
        body["sessionId"] = SESSIONS[session]
    return body


def _spoilt(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the mark with one of several faults."""
    faults: tuple[dict[str, Any], ...] = (
        {"status": "asleep"},
        {"status": None},
        {"date": "2026-02-30"},
        {"date": 1763942400},
        {"studentId": "no spaces, please"},
        {"studentId": True},
        {"sessionId": ["morning"]},
        {"tenantId": ""},
        {"institutionId": "x" * 65},
        {"mood": "cheerful"},
    )
    return body | faults[number % len(faults)]
