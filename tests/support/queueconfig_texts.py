"""Texts in a QueueConfig that the API server understands or refuses: durations and crons."""

from __future__ import annotations

from typing import Final

NO_DURATION: Final = "is no duration: write 500ms, 30s, 5m, 24h or 7d."
TEN_YEARS: Final = "at most 3650d."
SPAN: Final = "must be at least 10ms and at most 1d."
PERIOD: Final = "must be more than 0s and at most 30m."
_ENTRY: Final = "{scaling: {schedule: [{cron: '0 7 * * *', min: 1, for: %s}]}}"
_POLICY: Final = "{scaling: {%s: {policies: [{type: Pods, value: 1, period: %%s}]}}}"

DURATIONS: Final[tuple[tuple[str, str, tuple[str, ...], tuple[str, ...], str], ...]] = (
    (
        "spec.jobs.timeout",
        "{jobs: {timeout: %s}}",
        ("30s", "'30'", "1h30m", "1ms", "3650d", "1d2h3m4s5ms", "0.5s", "5s5s"),
        ("0s", "'0'", "0.4ms", "3651d", "3650d1ms", "9999d"),
        f"must be more than 0s and {TEN_YEARS}",
    ),
    ("spec.jobs.backoff.delay", "{jobs: {backoff: {delay: %s}}}", ("0s",), ("3651d",), TEN_YEARS),
    ("spec.jobs.backoff.max", "{jobs: {backoff: {max: %s}}}", ("2s",), ("3651d",), TEN_YEARS),
    (
        "spec.jobs.rateLimit.per",
        "{jobs: {rateLimit: {max: 1, per: %s}}}",
        ("10ms", "1d", "24h"),
        ("9ms", "0s", "25h", "24h1ms"),
        SPAN,
    ),
    (
        "spec.jobs.retention.completed.age",
        "{jobs: {retention: {completed: {age: %s}}}}",
        ("0s",),
        ("3651d",),
        TEN_YEARS,
    ),
    (
        "spec.jobs.retention.failed.age",
        "{jobs: {retention: {failed: {age: %s}}}}",
        ("7d",),
        ("3651d",),
        TEN_YEARS,
    ),
    (
        "spec.jobs.tenants.default.rateLimit.per",
        "{jobs: {tenants: {default: {rateLimit: {max: 1, per: %s}}}}}",
        ("1s",),
        ("9ms",),
        SPAN,
    ),
    (
        "spec.jobs.tenants.overrides.*.rateLimit.per",
        "{jobs: {tenants: {overrides: {acme: {rateLimit: {max: 1, per: %s}}}}}}",
        ("1s",),
        ("9ms",),
        SPAN,
    ),
    (
        "spec.scaling.target.wait",
        "{scaling: {target: {wait: %s}}}",
        ("30s",),
        ("0s",),
        f"must be more than 0s and {TEN_YEARS}",
    ),
    (
        "spec.scaling.scaleUp.stabilization",
        "{scaling: {scaleUp: {stabilization: %s}}}",
        ("0s", "1h", "60m"),
        ("61m",),
        "must be at most 1h.",
    ),
    (
        "spec.scaling.scaleDown.stabilization",
        "{scaling: {scaleDown: {stabilization: %s}}}",
        ("1h",),
        ("'3601'",),
        "must be at most 1h.",
    ),
    (
        "spec.scaling.scaleUp.policies[].period",
        _POLICY % "scaleUp",
        ("15s", "30m"),
        ("0s", "31m"),
        PERIOD,
    ),
    (
        "spec.scaling.scaleDown.policies[].period",
        _POLICY % "scaleDown",
        ("1ms",),
        ("'1801'",),
        PERIOD,
    ),
    ("spec.scaling.idleAfter", "{scaling: {idleAfter: %s}}", ("0s",), ("3651d",), TEN_YEARS),
    (
        "spec.scaling.schedule[].for",
        _ENTRY,
        ("3h", "7d"),
        ("0s", "8d"),
        "must be more than 0s and at most 7d.",
    ),
)
"""Path, a spec with a hole, what fits the hole, what breaks its bounds, and the sentence."""

CRONS: Final = (
    "0 7 * * 1-5",
    "*/5 * * * *",
    "0,15,30-45/5 0-23 1,31 jan-dec MON-Fri",
    "59 23 31 12 7",
    "007 07 01 01 0",
    "5/10 * * * sun",
    "@daily",
    " @Hourly ",
    "0  7\t*  * *",
    "0 0 29 2 *",
)
NO_CRONS: Final = (
    "",
    "0 7 * *",
    "0 7 * * * *",
    "60 7 * * *",
    "0 24 * * *",
    "0 7 0 * *",
    "0 7 32 * *",
    "0 7 * 13 *",
    "0 7 * 0 *",
    "0 7 * * 8",
    "0 7 * * monday",
    "0 7 * mon *",
    "*/0 * * * *",
    "1- * * * *",
    "-1 * * * *",
    "1,,2 * * * *",
    "*-5 * * * *",
    "@reboot",
    "every day",
)
