"""Every log call names its event, and the page of the logs names every event."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import fields
from typing import TYPE_CHECKING, Final, get_args

from headpond.events import Event
from headpond.telemetry.event_log import EVENTS, UNSAID
from headpond.telemetry.logs import FOREIGN
from log_calls import log_calls
from tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = ROOT / "docs/reference/logs.md"
SINK: Final = "core/headpond/telemetry/event_log.py"
"""Logs what EVENTS names."""
RESERVED: Final = {"ts", "level", "logger", "message", "error", "trace"}
ROW: Final = re.compile(r"\| `([a-z-]+)` \| ([a-z]+) \| (.*?) ?\| .+ \|")
CALLS: Final = [call for call in log_calls() if not call.where.startswith(SINK)]

Known = dict[str, tuple[set[str], set[str]]]
"""Levels and fields of each event."""


def in_code() -> Known:
    """Return what the code logs."""
    found: Known = defaultdict(lambda: (set(), set()))
    for call in CALLS:
        found[call.event][0].add("error" if call.level == "exception" else call.level)
        found[call.event][1].update(call.fields)
    for kind, (name, level) in EVENTS.items():
        levels = {10: "debug", 20: "info", 30: "warning", 40: "error"}
        found[name][0].add(levels[level])
        found[name][1].update(field.name for field in fields(kind) if field.name not in UNSAID)
    return dict(found)


def on_page() -> Iterator[tuple[str, str, set[str]]]:
    """Yield what the page says."""
    for line in PAGE.read_text("utf-8").splitlines():
        if found := ROW.fullmatch(line):
            yield found[1], found[2], set(re.findall(r"`(\w+)`", found[3]))


def test_every_log_call_names_its_event() -> None:
    """A name in kebab case, said at the call; the sink of events has names for all of them."""
    assert [
        call for call in CALLS if not re.fullmatch(r"[a-z]+(-[a-z]+)+|leading", call.event)
    ] == []
    assert set(EVENTS) == set(get_args(Event))


def test_fields_take_no_other_field_s_place() -> None:
    """What every line has is not what one call calls its own; nor is an event a library's."""
    taken = [call for call in CALLS if RESERVED & set(call.fields) or call.event == FOREIGN]
    assert taken == []


def test_the_page_names_every_event_and_no_other() -> None:
    """With level and fields, each once."""
    rows = list(on_page())
    assert len({name for name, _, _ in rows}) == len(rows)
    said = {name: ({level}, named) for name, level, named in rows}
    code = in_code()
    assert {name for name in code if name not in said} == set()
    assert {name for name in said if name not in code} == set()
    assert said == code
