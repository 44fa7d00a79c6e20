"""What the governor keeps of one queue between two rounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from headpond.governor.drains import Staff
from headpond.scaling import Memory, wake_mark

if TYPE_CHECKING:
    from headpond.queues import Hold, QueueSample
    from headpond.scaling import Decision, Policy, Seen

MARK_AGAIN_MS: Final = 10_000
"""A busy queue's mark is set again after this: a wake-up that was lost has used it up."""
WORTH_MARKING: Final = 0.2
"""A mark that moved by less than this part is near enough: it only decides how soon we look."""


REST_MS: Final = 30_000
"""An empty queue at zero workers is thought about anew after this, for the sake of its memory."""


@dataclass(frozen=True, slots=True)
class Look:
    """The latest decision of a queue and what it rests on, for status, metrics and screens."""

    policy: Policy
    seen: Seen
    decision: Decision


@dataclass(slots=True)
class Watch:
    """One queue under the governor's eyes."""

    queue: str
    memory: Memory = field(default_factory=Memory)
    recalled: bool = False
    """Whether what earlier governors learned has been read."""
    said: tuple[int, str] | None = None
    """Target and rule of the decision that was last told."""
    staff: Staff = field(default_factory=lambda: Staff(wanted=0))
    acknowledged: frozenset[str] = frozenset()
    """Whose acknowledgement was told."""
    failure: str = ""
    """The fleet's last complaint, so that it is told once."""
    defect: str = ""
    """The error that nobody foresaw and that kept this queue from being minded, told once."""
    unfired: str = ""
    """The error that kept its schedules from being fired, told once."""
    mark: int = -1
    """The backlog left with the queue; -1: none yet, or used up."""
    marked_ms: int = 0
    marked_total: int = 0

    def woken(self) -> None:
        """Note that the mark was crossed: the store used it up."""
        self.mark = -1

    def is_news(self, decision: Decision) -> bool:
        """Return whether people should hear of this decision: another target, or a move withheld.

        While a drain is under way the same decision comes again each round; that is no news.
        """
        previous, self.said = self.said, (decision.replicas, decision.rule)
        if previous is None:
            return decision.replicas != decision.before or bool(decision.has("unknown"))
        return previous[0] != decision.replicas or _is_alarm(previous[1], decision.rule)

    def next_mark(self, policy: Policy, sample: QueueSample, decision: Decision) -> int | None:
        """Return the mark to leave with the queue, `None` when the one there will do."""
        wanted = decision.replicas if decision.writes else decision.before
        mark = wake_mark(policy, sample, decision.memory, wanted)
        if self.mark > 0 and sample.backlog >= self.mark:
            self.mark = -1
        came = sample.added_total != self.marked_total
        if came and decision.at_ms - self.marked_ms >= MARK_AGAIN_MS:
            self.mark = -1
        near = abs(mark - self.mark) <= WORTH_MARKING * self.mark
        if mark == self.mark or (self.mark > 0 and mark > 0 and near):
            return None
        return mark

    def marked(self, mark: int, sample: QueueSample, at_ms: int) -> None:
        """Note what was left with the queue."""
        self.mark, self.marked_ms, self.marked_total = mark, at_ms, sample.added_total


def is_at_rest(look: Look | None, policy: Policy, seen: Seen) -> bool:
    """Return whether nothing has changed about an empty queue at zero since it was last decided.

    Of thousands of queues most are like this most of the time; they cost one comparison.
    """
    if look is None or look.policy is not policy or look.decision.replicas or seen.replicas:
        return False
    now, then = seen.sample, look.seen.sample
    if now is None or then is None or now.outstanding or then.outstanding:
        return False
    changes_ms = look.decision.next_change_ms
    if seen.now_ms - look.seen.now_ms >= REST_MS or (changes_ms and seen.now_ms >= changes_ms):
        return False
    return _marks(now) == _marks(then)


def _marks(sample: QueueSample) -> tuple[str, int, int, tuple[Hold, ...], int]:
    """Return what tells two samples of an empty queue apart."""
    ended, due_ms = sample.ended_total, sample.next_due_ms
    return sample.epoch, sample.added_total, ended, sample.held, due_ms


_ALARMS: Final = frozenset({"unknown", "store-reset", "crash-loop", "frozen", "manual", "drain"})


def _is_alarm(before: str, now: str) -> bool:
    """Return whether the rule alone is news: one of the exceptional ones began or ended."""
    return before != now and bool(_ALARMS & {before, now})
