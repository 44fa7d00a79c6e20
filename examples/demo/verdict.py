"""What the demonstration found: one line, and one for each thing that is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from demo.books import Books
    from demo.roster import Plan
    from demo.sender import Tally

_SHOWN = 5
"""Of many differences of one kind these are enough to see what it is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures of one run."""

    plan: Plan
    tally: Tally
    books: Books
    failed: int
    """Jobs that were given up."""
    most_workers: int
    seconds: float

    @property
    def line(self) -> str:
        """The run in one line."""
        tally, books = self.tally, self.books
        return (
            f"demo: {tally.sent} sent, {tally.accepted} accepted, {tally.duplicates} duplicates,"
            f" {tally.rejected} rejected, {books.rows} rows, {len(books.lost)} lost,"
            f" {len(books.doubled)} doubled, workers 0→{self.most_workers}→0, {self.seconds:.1f} s"
        )

    def differences(self) -> Iterator[str]:
        """Yield what is not as it should be; nothing, when all is well."""
        plan, tally, books = self.plan, self.tally, self.books
        yield from _counted("sent", tally.sent, plan.total)
        yield from _counted("accepted as new", tally.new, plan.new)
        yield from _counted("known as duplicates", tally.duplicates, plan.repeats)
        yield from _counted("rejected", tally.rejected, plan.invalid)
        yield from _counted("rows", books.rows, plan.new)
        yield from _counted("failed jobs", self.failed, 0)
        yield from _some("unexpected answer", tally.faults)
        yield from _some("lost", books.lost)
        yield from _some("doubled", books.doubled)
        yield from _some("wrong", books.wrong)
        if not self.most_workers:
            yield "no worker was ever seen"


def _counted(what: str, found: int, wanted: int) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: {found}, not {wanted}"


def _some(what: str, found: Sequence[object]) -> Iterator[str]:
    for each in found[:_SHOWN]:
        yield f"{what}: {each}"
    if len(found) > _SHOWN:
        yield f"{what}: … and {len(found) - _SHOWN} more"
