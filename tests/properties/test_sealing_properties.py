"""Whatever is sealed opens where it was sealed, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headpond.envelope import Envelope, Outcome, pack, unpack_envelope, unpack_outcome
from headpond.errors import KeyMissing, SealBroken
from headpond.sealing import (
    SHOWN,
    Keyring,
    Place,
    open_envelope,
    open_outcome,
    seal_envelope,
    seal_outcome,
    seal_values,
)

KEYS: Final = Keyring({"old": bytes(range(32)), "older": bytes(range(1, 33))})
AFTER: Final = Keyring({"new": bytes(range(2, 34)), "old": bytes(range(32))})

texts = st.text(st.characters(codec="utf-8"), max_size=8)
json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
places = st.builds(Place, texts, texts, texts, texts)
envelopes = st.builds(
    Envelope,
    job_type=texts,
    args=st.lists(json, max_size=3),
    kwargs=st.dictionaries(texts, json, max_size=2),
    labels=st.dictionaries(texts, texts, max_size=2),
    tenant=texts,
    correlation_id=texts,
)


@given(st.binary(max_size=64), st.binary(max_size=16), st.data())
def test_encryption_any_flipped_bit_is_noticed(plain: bytes, about: bytes, data: Any) -> None:
    """Not one bit of what is sealed can be changed (SEEDS A14.5)."""
    sealed = KEYS.seal(plain, about)
    assert KEYS.open(sealed, about) == plain
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    changed = bytearray(sealed)
    changed[at // 8] ^= 1 << at % 8
    with pytest.raises((SealBroken, KeyMissing)):
        KEYS.open(bytes(changed), about)


@given(st.binary(max_size=64), st.data())
def test_encryption_any_cut_is_noticed(plain: bytes, data: Any) -> None:
    """Nothing can be left off or added."""
    sealed = KEYS.seal(plain, b"here")
    kept = data.draw(st.integers(0, len(sealed) - 1))
    for changed in (sealed[:kept], sealed + b"\0"):
        with pytest.raises(SealBroken):
            KEYS.open(changed, b"here")


@given(st.binary(max_size=64), st.binary(max_size=16), st.binary(max_size=16))
def test_encryption_opens_where_it_was_sealed_only(plain: bytes, here: bytes, there: bytes) -> None:
    """The place is part of the seal."""
    assume(here != there)
    with pytest.raises(SealBroken):
        KEYS.open(KEYS.seal(plain, here), there)


@given(places, places, texts, texts)
def test_encryption_places_are_never_confused(a: Place, b: Place, use: str, other: str) -> None:
    """Two places are equal bytes when they are the same place, however their words run together."""
    assert (a.about(use) == b.about(other)) == ((a, use) == (b, other))


@given(envelopes, places)
def test_encryption_envelope_round_trip(envelope: Envelope, place: Place) -> None:
    """An envelope comes back whole from the wire, also after the keys were rotated."""
    body = pack(seal_envelope(KEYS, place, envelope))
    on_wire = unpack_envelope(body)
    assert (on_wire.args, on_wire.kwargs, on_wire.labels) == ([], {}, {})
    for keys in (KEYS, AFTER):
        opened = open_envelope(keys, place, unpack_envelope(body))
        assert opened.sealed
        assert (opened.args, opened.kwargs) == (envelope.args, envelope.kwargs)
        assert (opened.labels, opened.tenant) == (envelope.labels, envelope.tenant)


@given(json, json, places)
def test_encryption_values_round_trip(first: Any, second: Any, place: Place) -> None:
    """Values come back to their paths, and nowhere else is anything changed."""
    shown = Envelope("send", [{"a": SHOWN, "b": [1, SHOWN], "c": "clear"}])
    values: list[tuple[list[str | int], Any]] = [([0, "a"], first), ([0, "b", 1], second)]
    on_wire = unpack_envelope(pack(seal_values(KEYS, place, shown, values)))
    assert on_wire.args == shown.args
    opened = open_envelope(KEYS, place, on_wire)
    assert opened.args == [{"a": first, "b": [1, second], "c": "clear"}]


@given(json, texts, places)
def test_encryption_outcome_round_trip(result: Any, words: str, place: Place) -> None:
    """Of an outcome only times, worker and the error's class can be read."""
    outcome = Outcome(1, 2, result, error="ValueError", message=words, trace=words, worker="w")
    on_wire = unpack_outcome(pack(seal_outcome(KEYS, place, outcome)))
    assert (on_wire.result, on_wire.message, on_wire.trace) == (None, "", "")
    assert (on_wire.error, on_wire.worker, on_wire.run_us) == ("ValueError", "w", 2)
    assert open_outcome(AFTER, place, on_wire) == outcome


@given(envelopes, places, st.sampled_from(["queue", "job_id", "job_type", "tenant"]))
def test_encryption_moved_payload_does_not_open(
    envelope: Envelope, place: Place, moved: str
) -> None:
    """A payload that is copied to another job, queue, type or tenant stays shut (SEEDS A14.5)."""
    elsewhere = replace(place, **{moved: getattr(place, moved) + "x"})
    with pytest.raises(SealBroken):
        open_envelope(KEYS, elsewhere, seal_envelope(KEYS, place, envelope))


@given(envelopes, places)
def test_encryption_outcome_is_no_payload(envelope: Envelope, place: Place) -> None:
    """What a job returned can't be given to it as its payload."""
    outcome = seal_outcome(KEYS, place, Outcome(1, 2, [1]))
    forged = Envelope(envelope.job_type, [], sealed=outcome.sealed)
    with pytest.raises(SealBroken):
        open_envelope(KEYS, place, forged)


def test_encryption_value_without_its_place_is_broken() -> None:
    """A readable part that no longer fits the sealed one is told from a good one."""
    place = Place("q", "1", "send")
    sealed = seal_values(KEYS, place, Envelope("send", [{"a": SHOWN}]), [([0, "a", "b"], 1)])
    changed: list[list[Any]] = [[], ["text"], [{}]]
    for args in changed:
        with pytest.raises(SealBroken):
            open_envelope(KEYS, place, Envelope("send", args, sealed=sealed.sealed))
