"""The status of a QueueConfig: what is unknown is absent, and the CRD's schema takes it."""

from __future__ import annotations

import jsonschema
import pytest
from pydantic import ValidationError

from headpond_operator.crd import crd
from headpond_operator.status_model import (
    LONGEST_SENTENCE,
    PauseStatus,
    QueueConfigStatus,
    QueueFigures,
)
from queueconfig_status import FULL

SCHEMA = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]


def test_the_crd_takes_what_the_operator_writes() -> None:
    """The schema and the writer are one."""
    document = FULL.to_document()
    jsonschema.validate(document, SCHEMA)
    assert document["lastDecision"]["from"] == 3
    assert document["conditions"][0]["lastTransitionTime"] == "2026-01-02T03:04:05Z"


def test_what_is_not_known_is_absent() -> None:
    """Neither null nor 0: an unknown queue is not an empty one."""
    status = QueueConfigStatus(queue=QueueFigures(name="attendance"))
    assert status.to_document() == {"queue": {"name": "attendance"}, "conditions": []}


def test_a_long_sentence_is_cut() -> None:
    """Somebody's long reason must not keep the status from being written."""
    reason = PauseStatus(reason="x" * 5000).reason or ""
    assert (len(reason), reason[-1]) == (LONGEST_SENTENCE, "…")


def test_a_status_reads_back() -> None:
    """What was written is understood again, by its names outside."""
    assert QueueConfigStatus.model_validate(FULL.to_document()) == FULL


def test_nonsense_is_refused() -> None:
    """A misspelt field or a negative count is a fault of ours, and found in a test."""
    with pytest.raises(ValidationError, match="extra_forbidden"):
        QueueConfigStatus.model_validate({"replica": 3})
    with pytest.raises(ValidationError, match="greater_than_equal"):
        QueueConfigStatus(replicas=-1)
