"""The wire format: what is packed comes back, and old workers read what new ones wrote."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from taskiq import TaskiqMessage

from headpond.broker.formatter import HeadpondFormatter, inherit, message_of
from headpond.envelope import Envelope, Outcome, pack, unpack_envelope, unpack_outcome

numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
plain = st.recursive(
    st.none() | st.booleans() | st.text() | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(plain, max_size=3), st.dictionaries(st.text(), plain, max_size=3), st.text())
def test_envelopes_come_back(args: list[Any], kwargs: dict[str, Any], tenant: str) -> None:
    """Whatever JSON can say survives."""
    envelope = Envelope("grind", args, kwargs, tenant=tenant, correlation_id="c")
    assert unpack_envelope(pack(envelope)) == envelope


def test_an_outcome_comes_back() -> None:
    """The end of a run, good or bad."""
    outcome = Outcome(1, 2, error="ValueError", message="no", trace="…", worker="w")
    assert unpack_outcome(pack(outcome)) == outcome


def test_fields_that_are_not_given_cost_a_byte() -> None:
    """A field that is not given costs a byte: no names are on the wire."""
    assert len(pack(Envelope("grind", [7]))) == 16


def test_newer_fields_are_passed_over() -> None:
    """What a newer version appends does not disturb an older one."""
    written = pack(["grind", [7], {}, {}, {}, "acme", "c", "t", None, "a newer field", 1])
    assert unpack_envelope(written).tenant == "acme"


def test_models_are_packed_as_data() -> None:
    """A pydantic model goes as JSON has it."""

    class Grain(BaseModel):
        at: dt.date

    (arg,) = unpack_envelope(pack(Envelope("grind", [Grain(at=dt.date(2025, 1, 2))]))).args
    assert arg == {"at": "2025-01-02"}


def test_what_is_no_data_is_refused_with_a_sentence() -> None:
    """No pickle, no class that would be imported."""
    with pytest.raises(TypeError, match="object can't be sent: make it JSON"):
        pack(Envelope("grind", [object()]))


@pytest.mark.parametrize("body", [b"", b"\xc1", pack([1, 2]), pack({}), pack(["a"])])
def test_what_is_no_envelope_is_known_for_it(body: bytes) -> None:
    """Torn bytes raise one kind of error."""
    with pytest.raises(msgspec.MsgspecError):
        unpack_envelope(body)


# ── taskiq's messages in it ──


def a_message(**labels: Any) -> TaskiqMessage:
    """Build a message as a middleware leaves it: labels of any type."""
    return TaskiqMessage(task_id="j", task_name="t", labels=labels, args=[1], kwargs={"a": 2})


def test_labels_keep_their_types() -> None:
    """On the wire labels are texts; the types stand beside them."""
    labels = {"one": 1, "half": 0.5, "yes": True, "raw": b"\x00", "word": "w"}
    sent = HeadpondFormatter().dumps(a_message(**labels))
    envelope = unpack_envelope(sent.message)
    assert all(isinstance(value, str) for value in envelope.labels.values())
    message = message_of(envelope, "j")
    assert message.labels == labels
    assert (message.task_id, message.args, message.kwargs) == ("j", [1], {"a": 2})


def test_loads_reads_what_dumps_wrote() -> None:
    """The formatter alone serves code that knows taskiq only; the id travels beside the body."""
    formatter = HeadpondFormatter()
    message = formatter.loads(formatter.dumps(a_message()).message)
    assert (message.task_name, message.args) == ("t", [1])


def test_tenant_and_correlation_are_fields() -> None:
    """As labels they reach the envelope."""
    sent = HeadpondFormatter().dumps(a_message(tenant="acme", correlation_id="c-1"))
    envelope = unpack_envelope(sent.message)
    assert (envelope.tenant, envelope.correlation_id) == ("acme", "c-1")


def test_a_requeued_job_inherits_what_labels_lack() -> None:
    """Tenant, correlation and trace stay with the job; what labels say anew wins."""
    old = Envelope("t", [], tenant="acme", correlation_id="c-1", trace="00-1")
    again = unpack_envelope(inherit(HeadpondFormatter().dumps(a_message()).message, old))
    assert (again.tenant, again.correlation_id, again.trace) == ("acme", "c-1", "00-1")
    moved = HeadpondFormatter().dumps(a_message(correlation_id="c-2"))
    assert unpack_envelope(inherit(moved.message, old)).correlation_id == "c-2"
