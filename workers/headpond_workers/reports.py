"""What a run's end means for the job: done, again later, given up, or handed back. Pure.

| the handler …                               | the job …                                        |
|---------------------------------------------|--------------------------------------------------|
| returns data                                | completed with it                                |
| returns what isn't data, or too much of it  | failed, `unrecoverable`: a re-run does the same  |
| raises `Retry`                              | delayed as it says, at most `retries` times      |
| raises `Snooze`                             | delayed, and no attempt is counted               |
| raises `Fail`, or taskiq's reject           | failed, `unrecoverable`                          |
| raises anything else (`SystemExit` as well) | delayed by the backoff, then failed, `exhausted` |
| runs past its timeout                       | as if it had raised; `timeout` at the end        |
| is interrupted by a shutdown                | back in its place, no attempt counted            |
| is stopped because the job was cancelled    | cancelled; one that returns first is completed   |
"""

from __future__ import annotations

import json
import math
import traceback
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import msgspec
from taskiq.exceptions import TaskRejectedError

from headpond.app import Fail, Retry, Snooze
from headpond.envelope import Outcome, pack, plain
from headpond.errors import PayloadInvalid
from headpond.jobs import Claim, Done, Ended, Failed, FailReason, Released, Stopped
from headpond.retries import Again, RetryPolicy, after_failure

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MESSAGE: Final = 2_000
MOST_TRACE: Final = 8_000
"""Characters of an error's text and traceback that are kept."""
MOST_RESULT: Final = 256 * 1024
"""Bytes of a packed result, as for payloads."""

_JSON: Final = {str, int, bool}
"""What is JSON as it is."""


class ResultUnusable(Exception):  # noqa: N818 (named for what is shown to people)
    """A handler returned what can't be stored."""


class Cancelled(Exception):  # noqa: N818 (named for what is shown to people)
    """What a run that was cancelled ends with."""

    def __init__(self, *, left: bool = False) -> None:
        """`left`: the handler goes on, and nobody waits for it any more."""
        super().__init__(
            "Cancelled while it ran; the handler did not stop and was left."
            if left
            else "Cancelled while it ran."
        )


class Run(msgspec.Struct, frozen=True, gc=False):
    """One run of a handler, as far as its report needs it."""

    claim: Claim
    worker: str
    started_ms: int
    run_us: int


def returned(run: Run, value: Any) -> Ended:
    """Report a run that returned."""
    claim = run.claim
    if value is None:
        outcome = pack(Outcome(run.started_ms, run.run_us, worker=run.worker))
        return Done(claim.id, claim.fence, outcome, run.run_us)
    try:
        outcome = pack(Outcome(run.started_ms, run.run_us, _as_json(value), worker=run.worker))
    except Exception as error:  # noqa: BLE001 (whatever makes a value unfit for the wire)
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        unusable = ResultUnusable(
            f"The handler returned a {kind} that can't be stored: {_text(error)}"
        )
        return _given_up(run, unusable, FailReason.UNRECOVERABLE)
    if len(outcome) > MOST_RESULT:
        unusable = ResultUnusable(
            f"The handler's result has {len(outcome):,} bytes; the limit is {MOST_RESULT:,}."
        )
        return _given_up(run, unusable, FailReason.UNRECOVERABLE)
    return Done(claim.id, claim.fence, outcome, run.run_us)


def _as_json(value: Any) -> Any:
    """Return the value as JSON would have it, since that is how it will be read; raise if it can't.

    Times, UUIDs and the like become text, tuples and sets lists; NaN is no JSON.
    """
    kind = type(value)
    if value is None or kind in _JSON:
        return value
    if kind is float and math.isfinite(value):
        return value
    simple = msgspec.to_builtins(value, str_keys=True, enc_hook=plain)
    json.dumps(simple, allow_nan=False, check_circular=False)
    return simple


def raised(
    run: Run, error: BaseException, policy: RetryPolicy, chance: Callable[[], float]
) -> Ended:
    """Report a run that raised."""
    if isinstance(error, Snooze):
        return Released(run.claim.id, run.claim.fence, delay_ms=max(1, _until_ms(error, run)))
    if isinstance(error, Fail | TaskRejectedError | PayloadInvalid):
        return _given_up(run, error, FailReason.UNRECOVERABLE)
    return _retried(run, error, policy, chance, FailReason.EXHAUSTED)


def timed_out(
    run: Run, timeout_s: float, policy: RetryPolicy, chance: Callable[[], float]
) -> Ended:
    """Report a run that was stopped because its time was up."""
    return _retried(run, out_of_time(timeout_s), policy, chance, FailReason.TIMEOUT)


def stopped(run: Run, cause: BaseException | None) -> Stopped:
    """Report a run that ended because the job was cancelled; `cause` tells where it was."""
    error = cause if isinstance(cause, Cancelled) else Cancelled()
    if error is not cause:
        error.__cause__ = cause
    return Stopped(run.claim.id, run.claim.fence, _failure(run, error), run.run_us)


def never_ran(claim: Claim, worker: str) -> Stopped:
    """Report a job that was cancelled before its handler began."""
    message = "Cancelled before it started."
    outcome = pack(Outcome(0, 0, error="Cancelled", message=message, worker=worker))
    return Stopped(claim.id, claim.fence, outcome, 0)


def out_of_time(timeout_s: float) -> TimeoutError:
    """Return what a run that was stopped ends with."""
    return TimeoutError(f"The handler ran longer than its timeout of {timeout_s:g} s.")


def unreadable(claim: Claim, worker: str, now_ms: int, error: Exception) -> Ended:
    """Report a job whose envelope can't be unpacked: no worker of any version could run it."""
    return _given_up(Run(claim, worker, now_ms, 0), error, FailReason.INTEGRITY)


def undecided(run: Run, error: Exception) -> Ended:
    """Report a run of whose end no sense could be made."""
    return _given_up(run, error, FailReason.UNRECOVERABLE)


def _retried(
    run: Run,
    error: BaseException,
    policy: RetryPolicy,
    chance: Callable[[], float],
    at_last: FailReason,
) -> Ended:
    verdict = after_failure(policy, run.claim.attempts + 1, chance())
    if not isinstance(verdict, Again):
        return _given_up(run, error, at_last)
    delay_s = verdict.delay_s
    if isinstance(error, Retry) and error.after_s is not None:
        delay_s = error.after_s
    outcome = _failure(run, error)
    retry_in_ms = round(delay_s * 1000)
    return Failed(run.claim.id, run.claim.fence, outcome, run.run_us, retry_in_ms=retry_in_ms)


def _given_up(run: Run, error: BaseException, reason: FailReason) -> Failed:
    return Failed(run.claim.id, run.claim.fence, _failure(run, error), run.run_us, reason)


def _failure(run: Run, error: BaseException) -> bytes:
    return pack(
        Outcome(
            run.started_ms,
            run.run_us,
            error=type(error).__name__,
            message=_clean(_text(error))[:MOST_MESSAGE],
            trace=_clean(_trace(error))[-MOST_TRACE:],
            worker=run.worker,
        )
    )


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 (an exception whose text raises is still an exception)
        return f"{type(error).__name__} without a readable text"


def _trace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error, limit=-20))
    except Exception:  # noqa: BLE001 (as above)
        return ""


def _clean(text: str) -> str:
    """Lone surrogates can't be stored as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _until_ms(snooze: Snooze, run: Run) -> int:
    if snooze.until is not None:
        now_ms = run.started_ms + run.run_us // 1000
        return round(snooze.until.astimezone(UTC).timestamp() * 1000) - now_ms
    return round((snooze.after_s or 0) * 1000)
