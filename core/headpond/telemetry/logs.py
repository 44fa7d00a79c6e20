"""How a process writes its log: as lines for people, or as one JSON object per line for machines.

Each log call of ours names its event, which stays when the words change:
`logger.info("queue %s answers again", queue, extra={"event": "queue-answers", "queue": queue})`.
Everything else in `extra` becomes a field. docs/reference/logs.md lists them all.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click
from typing_extensions import override

from headpond.errors import ConfigInvalid, FieldError

if TYPE_CHECKING:
    from types import TracebackType

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
FORMATS: Final = ("text", "json")
FOREIGN: Final = "library-said"
"""The event of what libraries log."""
MOST_MESSAGE: Final = 4_000
MOST_TRACE: Final = 8_000
"""Characters; container runtimes cut lines into pieces of 16 KiB, and half an object is none."""

_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest of its attributes came by `extra`."""
_QUOTED: Final = re.compile(r"input_value=.*, input_type=")

logger = logging.getLogger(__name__)


def configure_logging(level: str, log_format: str) -> None:
    """Write this process's log to stderr from now on; raises `ConfigInvalid`.

    A second call takes the place of the first. Handlers of others stay.
    """
    if level.lower() not in LEVELS:
        raise _refused("LEVEL", level, LEVELS)
    if log_format not in FORMATS:
        raise _refused("FORMAT", log_format, FORMATS)
    handler = _Handler()
    is_json = log_format == "json"
    handler.setFormatter(JsonLines() if is_json else TextLines(_TEXT))
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(is_json)
    sys.excepthook = _log_uncaught if is_json else sys.__excepthook__


def is_json() -> bool:
    """Whether this process writes its log for machines: then it must print nothing else."""
    return any(isinstance(each.formatter, JsonLines) for each in logging.getLogger().handlers)


def say_refusal(program: str, sentence: str) -> None:
    """Say why a process does not start: in its log if that is JSON, else as a plain sentence."""
    if is_json():
        logger.critical(sentence, extra={"event": "start-refused", "program": program})
    else:
        click.echo(f"{program}: {sentence}", err=True)


class TextLines(logging.Formatter):
    """Lines for people."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        return _shown(super().format(record))


class JsonLines(logging.Formatter):
    """One object per line: what every entry has, its fields, and its error with the traceback."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "ts": when.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": FOREIGN,
            "logger": record.name,
            "message": _shown(record.getMessage())[:MOST_MESSAGE],
        }
        line |= {key: value for key, value in vars(record).items() if key not in _OWN}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = _shown(self.formatException(record.exc_info))[-MOST_TRACE:]
        text = json.dumps(line, ensure_ascii=False, default=str, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace").decode()


class _Handler(logging.Handler):
    """Writes to whatever stderr is at that moment, as the standard library's last resort does."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 (a log that can't be written stops nobody)
            self.handleError(record)


def _shown(text: str) -> str:
    """Leave out the input that pydantic quotes: it may be anybody's."""
    return _QUOTED.sub("input_value=…, input_type=", text)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logger.critical(
        "the process ends by an error that nobody foresaw",
        exc_info=(kind, error, trace),
        extra={"event": "process-failed"},
    )


def _refused(name: str, given: str, known: tuple[str, ...]) -> ConfigInvalid:
    detail = f"{given!r} is none of {', '.join(known)}."
    return ConfigInvalid([FieldError(f"/HEADPOND_LOG_{name}", detail)], "environment")
