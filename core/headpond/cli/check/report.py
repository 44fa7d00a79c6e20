"""Findings as a table for people and as JSON for machines. Pure."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Final

from headpond.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.findings import Finding

WIDTH: Final = 100
WORDS: Final = {Severity.OK: "ok", Severity.WARN: "warn", Severity.REFUSE: "fail"}


def as_table(findings: Sequence[Finding]) -> str:
    """Write one finding below the other, and last how many there are of which kind."""
    names = max((len(finding.name) for finding in findings), default=0)
    lines = [line for finding in findings for line in _row(finding, names)]
    counts = [
        f"{count} {word}"
        for severity, word in WORDS.items()
        if (count := sum(finding.severity is severity for finding in findings))
    ]
    return "\n".join([*lines, "", ", ".join(counts)])


def as_json(findings: Sequence[Finding]) -> str:
    """Write `{"ok": …, "findings": [{"name", "result", "sentence"}, …]}`."""
    rows = [
        {"name": each.name, "result": WORDS[each.severity], "sentence": each.sentence}
        for each in findings
    ]
    found = {"ok": not exit_code(findings), "findings": rows}
    return json.dumps(found, indent=2, ensure_ascii=False)


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 1 when something fails, else 0."""
    return int(any(finding.is_refusal for finding in findings))


def _row(finding: Finding, names: int) -> list[str]:
    head = f"{WORDS[finding.severity]:4}  {finding.name:{names}}  "
    said = " ".join(finding.sentence.split())
    room = max(40, WIDTH - len(head))
    lines = textwrap.wrap(said, room, break_long_words=False, break_on_hyphens=False) or [""]
    return [head + lines[0], *(" " * len(head) + line for line in lines[1:])]
