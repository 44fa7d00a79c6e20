"""What `headpond check` prints of what it found, and the sentences about queues."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from headpond import App
from headpond.app.catalog import Catalog
from headpond.cli.check.queues import judge_queues
from headpond.cli.check.report import as_json, as_table, exit_code
from headpond.cli.check.variables import known_variables, look_at_variables
from headpond.findings import Severity, fine, refusal, warning
from headpond.queues import Hold, QueueSample, WorkerSeen, WorkerState
from tree import ROOT, files

if TYPE_CHECKING:
    from headpond.findings import Finding

NOW_MS = 1_800_000_000_000


def a_sample(**fields: object) -> QueueSample:
    """Build the sample of an empty queue that differs so."""
    plain: dict[str, object] = dict.fromkeys(QueueSample.__dataclass_fields__, 0)
    plain |= {"queue": "mail", "at_ms": NOW_MS, "epoch": "e", "held": (), "workers": ()}
    return QueueSample(**{**plain, **fields})  # type: ignore[arg-type]


def said(sample: QueueSample | None, *known: str) -> Finding:
    """Return what is said of the queue `mail` where apps know these queues."""
    app = App("app")
    for queue in known:
        app.queue(queue)
    catalog = Catalog([app])
    samples = {} if sample is None else {"mail": sample}
    return next(each for each in judge_queues(catalog, ["mail"], samples) if "mail" in each.name)


A_WORKER = WorkerSeen("w1", WorkerState.WORKING, 10, 0, NOW_MS, NOW_MS)


@pytest.mark.parametrize(
    ("sample", "severity", "begins"),
    [
        (a_sample(), Severity.OK, "No worker, and nothing to do."),
        (a_sample(workers=(A_WORKER,)), Severity.OK, "1 worker with 10 slots; 0 waiting"),
        (a_sample(waiting=2, oldest_ms=NOW_MS - 1000), Severity.OK, "No worker yet; 2 waiting"),
        (a_sample(waiting=2, oldest_ms=NOW_MS - 60_000), Severity.WARN, "No worker is heard of"),
        (a_sample(active=1), Severity.WARN, "No worker is heard of, and jobs wait"),
        (a_sample(parked=3, workers=(A_WORKER,)), Severity.WARN, "3 jobs are parked"),
        (a_sample(held=(Hold("spec", "", "", 0),)), Severity.WARN, "Held by spec (no reason"),
        (None, Severity.WARN, "It is on the list of queues, and Redis has nothing of it"),
    ],
)
def test_each_state_of_a_queue_has_its_sentence(
    sample: QueueSample | None, severity: Severity, begins: str
) -> None:
    """A queue at zero workers is no fault until something waits too long."""
    finding = said(sample, "mail")
    assert (finding.severity, finding.sentence.startswith(begins)) == (severity, True), finding


def test_a_queue_that_no_app_knows_is_a_warning_unless_no_app_could_be_loaded() -> None:
    """Who doesn't know the apps can't say that one is missing."""
    assert "No app that was found here knows it" in said(a_sample(), "post").sentence
    (finding,) = judge_queues(None, ["mail"], {"mail": a_sample()})
    assert finding.severity is Severity.OK


def test_a_table_keeps_its_columns_and_counts() -> None:
    """Long sentences go on below themselves."""
    found = [fine("redis", "It answers."), refusal("eviction", "word " * 40), warning("x", "Y.")]
    lines = as_table(found).splitlines()
    assert lines[0] == "ok    redis     It answers."
    assert lines[1].startswith("fail  eviction  word word")
    assert lines[2].startswith(" " * 16 + "word")
    assert lines[-1] == "1 ok, 1 warn, 1 fail"
    assert max(map(len, lines)) <= 100


def test_json_has_the_same_words() -> None:
    """And the exit code follows the worst of them."""
    found = [warning("x", "Y.")]
    assert json.loads(as_json(found)) == {
        "ok": True,
        "findings": [{"name": "x", "result": "warn", "sentence": "Y."}],
    }
    assert (exit_code(found), exit_code([refusal("x", "Y.")])) == (0, 1)


def test_every_variable_that_the_pages_name_is_known() -> None:
    """Whoever adds one reads it in a settings class, or enters it."""
    known = known_variables() | {
        "HEADPOND_CLUSTER_CACHE",  # of tests/cluster
        "HEADPOND_DATABASE_URL",
        "HEADPOND_SCHOOL_WORK_MS",
    }
    named = {
        name
        for page in files(".md")
        if page.parts[0] == "docs"
        for name in re.findall(r"HEADPOND_[A-Z_]*[A-Z]\b", (ROOT / page).read_text("utf-8"))
    }
    assert named - known == set()


def test_a_name_in_small_letters_is_the_same_variable() -> None:
    """The settings read it so."""
    (finding,) = look_at_variables({"headpond_namespace": "x", "PATH": "/bin"})
    assert finding.sentence == "1 variable HEADPOND_…, and each is known."
