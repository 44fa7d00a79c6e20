"""Defaults from code and what a document says, put together: the document wins, field by field."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from headpond.config.documents import QueueConfig, parse_spec
from headpond.config.durations import format_duration, parse_duration
from headpond.errors import ConfigInvalid, FieldError
from headpond.retries import parse_backoff

if TYPE_CHECKING:
    from datetime import timedelta

    from headpond.config.spec import QueueConfigSpec

WHOLE: Final = frozenset({"target", "backoff", "rateLimit", "onUnknown", "overrides"})
"""Fields that a document replaces whole: their parts mean little one by one."""


class Defaults(Protocol):
    """What an app says of its queue (`headpond.app.QueueDefaults`); `None`: the schema's own."""

    @property
    def concurrency(self) -> int | None: ...  # noqa: D102
    @property
    def retries(self) -> int | None: ...  # noqa: D102
    @property
    def backoff(self) -> str | None: ...  # noqa: D102
    @property
    def timeout(self) -> str | float | timedelta | None: ...  # noqa: D102
    @property
    def priority(self) -> int | str | None: ...  # noqa: D102
    @property
    def max_active(self) -> int | None: ...  # noqa: D102
    @property
    def rate_limit(self) -> str | None: ...  # noqa: D102
    @property
    def max_workers(self) -> int | None: ...  # noqa: D102
    @property
    def encrypt_payload(self) -> bool | None: ...  # noqa: D102


def default_config(queue: str, defaults: Defaults) -> QueueConfig:
    """Return the configuration that code gives a queue; raise `ConfigInvalid` for a bad one."""
    jobs: dict[str, Any] = {
        "concurrency": defaults.concurrency,
        "retries": defaults.retries,
        "backoff": None if defaults.backoff is None else _backoff(defaults.backoff),
        "timeout": defaults.timeout,
        "priority": defaults.priority,
        "maxActive": defaults.max_active,
        "rateLimit": None if defaults.rate_limit is None else _rate(defaults.rate_limit),
        "encryptPayload": defaults.encrypt_payload,
    }
    spec: dict[str, Any] = {"jobs": {k: v for k, v in jobs.items() if v is not None}}
    if defaults.max_workers is not None:
        spec["scaling"] = {"max": defaults.max_workers}
    source = f"the code of queue {queue!r}"
    return QueueConfig(queue, queue, parse_spec(spec, source), source)


def over(defaults: QueueConfig, document: QueueConfig) -> QueueConfig:
    """Return the document with what it leaves open taken from the defaults.

    Raises `ConfigInvalid` when the two together contradict, such as a `min` above the code's `max`.
    """
    merged = _merge(_given(defaults.spec), _given(document.spec))
    try:
        spec = parse_spec(merged, document.source)
    except ConfigInvalid as error:
        both = f"Together with {defaults.source}: "
        wrong = [FieldError(e.pointer, both + e.detail) for e in error.errors]
        raise ConfigInvalid(wrong, document.source) from error
    return replace(document, spec=spec)


def with_ceiling(config: QueueConfig, most: int) -> QueueConfig:
    """Return the config with `scaling.max` as given, unless it has one of its own."""
    if "max" in config.spec.scaling.model_fields_set:
        return config
    spec = _merge(_given(config.spec), {"scaling": {"max": max(most, config.spec.scaling.min)}})
    return replace(config, spec=parse_spec(spec, config.source))


def _given(spec: QueueConfigSpec) -> dict[str, Any]:
    """Only what was said."""
    return spec.model_dump(mode="json", exclude_unset=True)


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        deep = isinstance(value, dict) and isinstance(old, dict) and key not in WHOLE
        merged[key] = _merge(old, value) if deep else value  # type: ignore[arg-type]  # both are dicts then
    return merged


def _backoff(text: str) -> dict[str, Any]:
    backoff = parse_backoff(text)
    longest = max(backoff.max_s, backoff.delay_s)
    return {
        "type": backoff.type,
        "delay": format_duration(parse_duration(backoff.delay_s)),
        "factor": float(backoff.factor),
        "max": format_duration(parse_duration(longest)),
        "jitter": float(backoff.jitter),
    }


def _rate(text: str) -> dict[str, Any]:
    """Understand `10/s`, `100/5m`."""
    most, slash, per = text.partition("/")
    if not slash or not most.strip().isdecimal():
        detail = f"{text!r} is no rate; write 10/s or 100/5m."
        raise ConfigInvalid([FieldError("/spec/jobs/rateLimit", detail)])
    span = per.strip()
    return {"max": int(most), "per": span if span[:1].isdigit() else f"1{span}"}
