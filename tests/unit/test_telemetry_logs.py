"""Log entries as lines and as JSON."""

from __future__ import annotations

import json
import logging
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from headpond.errors import ConfigInvalid
from headpond.events import Decided, DrainAsked, RoundDone, Scaled, StoreBack
from headpond.telemetry.event_log import EventLog
from headpond.telemetry.logs import (
    MOST_MESSAGE,
    MOST_TRACE,
    JsonLines,
    configure_logging,
    is_json,
    say_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("headpond.test")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the process's log as it was."""
    root = logging.getLogger()
    handlers, level, hook = list(root.handlers), root.level, sys.excepthook
    yield
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def entries(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was written, a JSON object per line."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fail(words: str) -> None:
    """Raise an error with these words."""
    raise ValueError(words)


def test_an_entry_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, event, logger, message, and the fields in their own types."""
    configure_logging("INFO", "json")
    logger.info("queue %s\nanswers", "q", extra={"event": "queue-back", "queue": "q", "jobs": 3})
    logger.debug("unheard", extra={"event": "unheard"})
    (entry,) = entries(capsys)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("ts"))
    assert entry == {
        "level": "info",
        "event": "queue-back",
        "logger": "headpond.test",
        "message": "queue q\nanswers",
        "queue": "q",
        "jobs": 3,
    }


def test_an_error_is_a_type_and_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """The traceback is one string; what is too long for a container's log is cut."""
    configure_logging("info", "json")
    try:
        fail("x" * 2 * MOST_TRACE)
    except ValueError:
        logger.exception("y%s", "y" * MOST_MESSAGE, extra={"event": "broken"})
    (entry,) = entries(capsys)
    assert (entry["level"], entry["error"], entry["event"]) == ("error", "ValueError", "broken")
    assert (len(entry["message"]), len(entry["trace"])) == (MOST_MESSAGE, MOST_TRACE)


def test_whatever_is_logged_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Libraries' entries, things that are no JSON, and warnings of Python."""
    configure_logging("info", "json")
    logging.getLogger("redis").warning("café %s", "→", extra={"thing": {1}})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    strange, old = entries(capsys)
    assert (strange["event"], strange["message"]) == ("library-said", "café →")
    assert strange["thing"] == "{1}"
    assert (old["logger"], old["level"]) == ("py.warnings", "warning")


def test_what_no_encoding_can_carry_is_escaped() -> None:
    """A lone surrogate is data of somebody's, and must cost no entry."""
    record = logging.makeLogRecord({"msg": "half \ud800", "levelname": "INFO"})
    line = JsonLines().format(record)
    assert json.loads(line.encode("utf-8"))["message"] == "half \ud800"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_pydantic_quotes_is_cut_out(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of an error in a message, and of one in a traceback."""

    class Payload(BaseModel):
        pin: int

    canary = f"canary-{log_format}"
    configure_logging("info", log_format)
    try:
        Payload.model_validate({"pin": canary})
    except ValueError as error:
        logger.warning("refused: %s", error, extra={"event": "refused"})
        logger.exception("failed", extra={"event": "failed"})
    written = capsys.readouterr().err
    assert written.count("input_value=…, input_type=str") == 2
    assert canary not in written


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, logger, words; the event's name is for machines."""
    configure_logging("info", "text")
    logger.warning("leases were not renewed", extra={"event": "leases-not-renewed"})
    line = capsys.readouterr().err
    assert re.fullmatch(r"[-\d]+ [:,\d]+ WARNING headpond\.test: leases were not renewed\n", line)


def test_the_last_word_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """A second call replaces the first: nothing is written twice."""
    configure_logging("debug", "json")
    configure_logging("warning", "text")
    logger.info("unheard", extra={"event": "unheard"})
    logger.warning("once", extra={"event": "once"})
    assert capsys.readouterr().err.count("\n") == 1
    assert not is_json()


@pytest.mark.parametrize(
    ("level", "log_format", "variable"),
    [("loud", "text", "HEADPOND_LOG_LEVEL"), ("info", "xml", "HEADPOND_LOG_FORMAT")],
)
def test_settings_that_make_no_sense(level: str, log_format: str, variable: str) -> None:
    """The variable is named, with what it may be."""
    with pytest.raises(ConfigInvalid, match=f"{variable}.*is none of"):
        configure_logging(level, log_format)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_refusal(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence for people; an entry like any other for machines."""
    configure_logging("info", log_format)
    say_refusal("headpond api", "Port 1 is taken.")
    written = capsys.readouterr().err
    if log_format == "text":
        assert written == "headpond api: Port 1 is taken.\n"
    else:
        entry = json.loads(written)
        assert entry["message"] == "Port 1 is taken."
        assert (entry["event"], entry["program"]) == ("start-refused", "headpond api")


def test_an_error_that_ends_the_process_is_an_entry(capsys: pytest.CaptureFixture[str]) -> None:
    """Not a traceback over many lines; Ctrl-C stays what it is."""
    configure_logging("info", "json")
    try:
        int("over")
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    (entry,) = entries(capsys)
    assert (entry["event"], entry["error"]) == ("process-failed", "ValueError")
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert capsys.readouterr().err == "KeyboardInterrupt\n"


def test_events_are_entries(capsys: pytest.CaptureFixture[str]) -> None:
    """The event's name, its fields, and the sentence that status and screen have too."""
    configure_logging("info", "json")
    log = EventLog()
    rise = Decided(0, "q", 0, 4, "demand", "40 jobs wait", writes=True)
    for event in (
        rise,
        Scaled(0, "q", 0, 4, ()),
        rise,
        StoreBack(0, 1500),
        DrainAsked(0, "q", ("a", "b")),
        RoundDone(0, 1, 0, 0.001),
    ):
        log.receive(event)
    found = entries(capsys)
    assert [(entry["event"], entry["message"]) for entry in found] == [
        ("scaling-decided", "q 0→4: 40 jobs wait"),
        ("scaled", "q 0→4: written"),
        ("store-back", "the store answers again after 1.5 s"),
        ("drain-asked", "q: asked to drain: a, b"),
    ]
    assert (found[0]["rule"], found[0]["replicas"], found[0]["reason"]) == (
        "demand",
        4,
        "40 jobs wait",
    )


def test_rounds_are_entries_for_those_who_look_closely(capsys: pytest.CaptureFixture[str]) -> None:
    """One each second is too much for everybody else."""
    configure_logging("debug", "json")
    EventLog().receive(RoundDone(0, 2, 1, 0.0015, {"q": 1}))
    (entry,) = entries(capsys)
    assert entry["message"] == "looked at 2 queues in 1.5 ms, 1 of them unknown"
    assert "wanted" not in entry
