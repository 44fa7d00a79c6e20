"""The API and what is secret: sealed on the way in, a placeholder on the way out, in no problem."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import vault_app
from api_bench import ApiBench, api_bench
from headpond.envelope import Outcome, pack, unpack_envelope
from headpond.jobs import Done, Failed
from headpond.queues import QueueSettings
from headpond.sealing import SHOWN, Keyring, Place, seal_outcome
from vault import OLD, Canary

KEYS = Keyring.parse(OLD, "test")


def at(queue: str) -> str:
    """Return the path of a queue's jobs."""
    return f"/api/v1/queues/{queue}/jobs"


def a_secret(canary: Canary, **fields: Any) -> dict[str, Any]:
    """Return a submission to the encrypted queue."""
    payload = {"word": canary.word, "number": canary.number}
    return {"type": "keep", "payload": payload, "job_id": "s-1", **fields}


def a_letter(canary: Canary, **fields: Any) -> dict[str, Any]:
    """Return a submission with sensitive fields."""
    payload = {"subject": "hello", "email": canary.email, "pins": [canary.number], **fields}
    return {"type": "send", "payload": payload, "job_id": "l-1"}


async def ended(bench: ApiBench, queue: str, kind: str, outcome: Outcome) -> None:
    """Let the queue's one job end as a worker with the key would report it."""
    (claim,) = (await bench.store.exchange(queue, "w", [], 1)).claims
    packed = pack(seal_outcome(KEYS, Place(queue, claim.id, kind), outcome))
    report = (
        Failed(claim.id, claim.fence, packed, 1)
        if outcome.error
        else Done(claim.id, claim.fence, packed, 1)
    )
    await bench.store.exchange(queue, "w", [report], 0)


@pytest.mark.parametrize(
    ("queue", "shown"),
    [("vault", SHOWN), ("desk", {"subject": "hello", "email": SHOWN, "pins": [SHOWN]})],
)
async def test_encryption_api_seals_and_shows_placeholders(queue: str, shown: Any) -> None:
    """Neither the one job nor a list shows what is sealed, before and after its end (A14.5)."""
    canary = Canary()
    job = a_secret(canary) if queue == "vault" else a_letter(canary)
    async with api_bench(vault_app.app, encryption_keys=OLD) as bench:
        answers = [await bench.client.post(at(queue), json=job)]
        assert answers[0].status_code == 202
        (stored,) = await bench.store.read(queue, [job["job_id"]])
        assert stored is not None
        assert unpack_envelope(stored.body).sealed
        assert canary.found_in([("store", stored.body)]) == []
        one = f"/api/v1/jobs/{job['job_id']}?queue={queue}"
        answers.append(await bench.client.get(one))
        assert answers[1].json()["payload"] == shown
        await ended(bench, queue, job["type"], Outcome(1, 2, {"word": canary.word}))
        answers.append(await bench.client.get(one))
        assert answers[2].json()["result"] == SHOWN
        answers += [
            await bench.client.get(path)
            for path in ("/api/v1/jobs", f"/api/v1/jobs?queue={queue}", "/metrics", "/openapi.json")
        ]
        answers.append(await bench.client.post(at(queue), json={**job, "on_duplicate": "return"}))
    assert canary.found_in([(str(each.url), each.content) for each in answers]) == []


async def test_encryption_api_shows_of_an_error_its_class_alone() -> None:
    """What a handler said of the secret stays sealed."""
    canary = Canary()
    async with api_bench(vault_app.app, encryption_keys=OLD) as bench:
        await bench.client.post(at("vault"), json=a_secret(canary))
        end = Outcome(1, 2, error="ValueError", message=canary.word, trace=canary.word)
        await ended(bench, "vault", "keep", end)
        answer = await bench.client.get("/api/v1/jobs/s-1?queue=vault")
    assert answer.json()["error"] == {
        "type": "ValueError",
        "message": "The message is sealed, as the payload was.",
        "trace": "",
    }


@pytest.mark.parametrize("fields", [{"email": "WORD"}, {"email": ["WORD"]}, {"pins": ["WORD"]}])
async def test_encryption_api_problems_show_no_value(
    fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A refused payload is described without a word of it, to the caller and in the log."""
    canary = Canary()
    swap = {"WORD": canary.word}
    bad = {k: swap.get(v, v) if isinstance(v, str) else [canary.word] for k, v in fields.items()}
    caplog.set_level(logging.DEBUG)
    async with api_bench(vault_app.app, encryption_keys=OLD) as bench:
        one = await bench.client.post(at("desk"), json=a_letter(canary, **bad))
        many = await bench.client.post(
            f"{at('desk')}/bulk", json={"jobs": [a_letter(canary, **bad)]}
        )
        other = await bench.client.post(
            at("vault"), json=a_secret(canary, payload={"word": [canary.word], canary.word: 1})
        )
    assert [each.status_code for each in (one, many, other)] == [422, 422, 422]
    (pointer,) = [each["pointer"] for each in one.json()["errors"]]
    assert pointer.startswith(f"/payload/{next(iter(fields))}")
    said = [(str(each.url), each.content) for each in (one, many, other)]
    assert canary.found_in([*said, ("log", caplog.text.encode())]) == []


@pytest.mark.parametrize("path", ["", "/bulk"])
@pytest.mark.parametrize("queue", ["vault", "desk"])
async def test_encryption_api_without_a_key_takes_nothing(queue: str, path: str) -> None:
    """The problem says what to set; nothing is stored in clear."""
    job = a_secret(Canary()) if queue == "vault" else a_letter(Canary())
    async with api_bench(vault_app.app) as bench:
        body = {"jobs": [job]} if path else job
        answer = await bench.client.post(at(queue) + path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "key-missing")
        assert "HEADPOND_ENCRYPTION_KEYS" in answer.json()["detail"]
        sample = (await bench.store.sample([queue]))[queue]
        assert sample.added_total == 0


async def test_encryption_api_takes_nothing_under_settings_that_it_cannot_read() -> None:
    """A newer version wrote them, perhaps that the queue is encrypted otherwise."""
    document = '{"jobs": {"encryptPayload": "since tomorrow"}}'
    async with api_bench(vault_app.app, encryption_keys=OLD) as bench:
        await bench.store.configure("desk", QueueSettings(document=document))
        bench.app.state.ingress.book.expire()
        answer = await bench.client.post(at("desk"), json=a_letter(Canary()))
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "'desk' can't be read here" in answer.json()["detail"]
        assert (await bench.store.sample(["desk"]))["desk"].added_total == 0
