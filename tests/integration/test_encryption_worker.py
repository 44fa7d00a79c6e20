"""Encryption with real worker processes: what is secret is nowhere but in the handler."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import vault_app
from headpond.envelope import Envelope, pack
from headpond.jobs import FailReason, JobId, JobState, NewJob
from until import until
from vault import NEW, OLD, Canary, Vault, everything, files_of, open_vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from redis_server import RedisServer


@pytest.fixture
async def vault(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Vault]:
    """Give the two queues, without a worker."""
    async with open_vault(redis_url, namespace, tmp_path) as it:
        yield it


def places(redis_server: RedisServer, tmp_path: Path) -> list[tuple[str, bytes]]:
    """Return everything that somebody who is no handler could read."""
    with redis_server.client() as client:
        return [*everything(client), *files_of(redis_server.dir), *files_of(tmp_path)]


async def test_encryption_of_a_queue_leaves_nothing_to_read(
    vault: Vault, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Payload, result, error, progress: not in Redis, its log, nor the worker's (SEEDS A14.5)."""
    canary = Canary()
    secret = {"word": canary.word, "number": canary.number}
    await vault.start("vault", OLD)
    kept = await vault_app.keep.enqueue(secret, tenant="acme")
    spilt = await vault_app.spill.enqueue(secret)
    insisted = await vault_app.insist.enqueue(secret)
    garbled = await vault_app.garble.enqueue(secret)
    later = await vault_app.keep.enqueue(secret, delay=3600)

    assert (await vault.ended(vault_app.keep, kept.id)).result == secret
    error = await vault.ended(vault_app.spill, spilt.id)
    assert (error.state, error.error) == (JobState.FAILED, "ValueError")
    assert error.message == f"{canary.word} {canary.number}"
    assert (await vault.ended(vault_app.insist, insisted.id)).result == 2
    assert canary.word in (await vault.ended(vault_app.garble, garbled.id)).message
    assert (await vault.job(vault_app.keep, later.id)).state is JobState.DELAYED

    assert canary.found_in(places(redis_server, tmp_path)) == []


async def test_encryption_of_fields_leaves_nothing_to_read(
    vault: Vault, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Of a clear queue's jobs the sensitive values are hidden, and whatever comes of them."""
    canary, open_word = Canary(), Canary()
    letter = {"subject": open_word.word, "email": canary.email, "pins": [canary.number]}
    await vault.start("desk", OLD)
    sent = await vault_app.send.enqueue(letter)
    lost = await vault_app.lose.enqueue(letter)

    status = await vault.ended(vault_app.send, sent.id)
    assert status.result == {"to": canary.email, "pins": [canary.number]}
    error = await vault.ended(vault_app.lose, lost.id)
    assert (error.error, error.message) == ("ValueError", canary.email)

    where = places(redis_server, tmp_path)
    assert canary.found_in(where) == []
    assert any(name.endswith(".log") for name in open_word.found_in(where))
    assert any("desk" in name for name in open_word.found_in(where))


async def test_encryption_search_finds_what_is_not_encrypted(
    vault: Vault, redis_server: RedisServer, tmp_path: Path
) -> None:
    """The search that the other tests rely on finds a clear job's word everywhere."""
    canary = Canary()
    await vault.start("desk")
    noted = await vault_app.note.enqueue({"word": canary.word, "number": canary.number})
    await vault.ended(vault_app.note, noted.id)

    async def is_on_disk() -> bool:
        names = canary.found_in(files_of(redis_server.dir))
        return any("aof" in name for name in names)

    await until(is_on_disk)
    names = canary.found_in(places(redis_server, tmp_path))
    assert any(name.endswith("w1.log") for name in names)
    assert any("desk" in name for name in names)


async def test_encryption_job_waits_for_its_key(vault: Vault) -> None:
    """Without the key a job is parked, said, and not burnt; it runs where the key is (A14.5)."""
    kept = await vault_app.keep.enqueue({"word": "x"})
    spare = await vault_app.keep.enqueue({"word": "y"})
    log = await vault.start("vault", NEW)

    async def are_parked() -> bool:
        jobs = [await vault.job(vault_app.keep, each.id) for each in (kept, spare)]
        return all(job.parked and job.state is JobState.DELAYED for job in jobs)

    await until(are_parked)
    assert (await vault.job(vault_app.keep, kept.id)).attempts == 0
    (said,) = [line for line in log.read_text().splitlines() if "lacks the key old" in line]
    assert "known: 'new'" in said
    assert said.count("HEADPOND_ENCRYPTION_KEYS_FILE") == 1
    vault.stop_all()
    await vault.start("vault", OLD)
    status = await vault.ended(vault_app.keep, kept.id)
    assert (status.attempts, status.result["word"]) == (1, "x")


async def test_encryption_worker_without_keys_takes_no_job_of_an_encrypted_queue(
    vault: Vault,
) -> None:
    """A result that could not be sealed is not made: even a clear job waits for a key."""
    clear = Canary()
    vault_app.vault.live_encrypts = False
    job = vault_app.keep.pack({"word": clear.word})
    await vault.store.enqueue("vault", [job])
    await vault.start("vault")

    async def is_parked() -> bool:
        return (await vault.job(vault_app.keep, job.id)).parked

    await until(is_parked)
    vault.stop_all()
    await vault.start("vault", OLD)
    await vault.ended(vault_app.keep, job.id)
    outcome = (await vault.job(vault_app.keep, job.id)).outcome
    assert outcome is not None
    assert clear.word.encode() not in outcome


async def test_encryption_keys_rotate(vault: Vault) -> None:
    """Jobs of the old key run after the rotation, and what they leave has the new one."""
    old = await vault_app.keep.enqueue({"word": "before"})
    vault.bind(f"{NEW},{OLD}")
    new = await vault_app.keep.enqueue({"word": "after"})
    await vault.start("vault", f"{NEW},{OLD}")
    assert (await vault.ended(vault_app.keep, old.id)).result["word"] == "before"
    assert (await vault.ended(vault_app.keep, new.id)).result["word"] == "after"
    vault.bind(NEW)
    status = await vault_app.keep.status(old.id)
    assert status is not None
    assert status.result["word"] == "before"
    vault.bind(OLD)
    status = await vault_app.keep.status(old.id)
    assert status is not None
    assert (status.sealed, status.result, status.state) == (True, None, JobState.COMPLETED)


@pytest.mark.parametrize("how", ["moved", "changed"])
async def test_encryption_changed_or_moved_payload_fails_as_integrity(
    vault: Vault, how: str
) -> None:
    """Whoever can write to Redis can't give one job the payload of another."""
    body = vault_app.keep.pack({"word": "x"}, job_id="first").body
    forged = NewJob(JobId("second"), body) if how == "moved" else _changed("first", body)
    await vault.store.enqueue("vault", [forged])
    await vault.start("vault", OLD)
    status = await vault.ended(vault_app.keep, forged.id)
    assert (status.reason, status.error) == (FailReason.INTEGRITY, "SealBroken")
    assert "does not open with the key 'old'" in status.message


def _changed(job_id: str, body: bytes) -> NewJob:
    return NewJob(JobId(job_id), body[:-1] + bytes([body[-1] ^ 1]))


async def test_encryption_can_be_turned_on_for_waiting_jobs(vault: Vault) -> None:
    """What was sent in clear before runs, and leaves its end sealed."""
    word = Canary().word
    vault_app.vault.live_encrypts = False
    job = vault_app.keep.pack({"word": word})
    await vault.store.enqueue("vault", [job])
    await vault.start("vault", OLD)
    assert (await vault.ended(vault_app.keep, job.id)).result["word"] == word
    outcome = (await vault.job(vault_app.keep, job.id)).outcome
    assert outcome is not None
    assert word.encode() not in outcome


async def test_encryption_of_a_result_that_nobody_gave(
    vault: Vault, redis_server: RedisServer
) -> None:
    """A result annotated as sensitive is sealed, also of a job that a schedule sent in clear."""
    await vault.start("desk", OLD)
    envelope = pack(Envelope("reveal", [None]))
    await vault.store.enqueue("desk", [NewJob(JobId("r-1"), envelope)])
    status = await vault.ended(vault_app.reveal, "r-1")
    assert status.result == {"word": "kanarienvogel-w1-of-the-house"}
    with redis_server.client() as client:
        left = everything(client)
    assert [name for name, content in left if b"kanarienvogel-w1" in content] == []


async def test_encryption_of_many_producers_at_once(vault: Vault) -> None:
    """A thousand concurrent enqueues ask the settings once, and seal every one."""
    sent = await asyncio.gather(
        *(vault_app.keep.enqueue({"word": "x"}) for _ in range(200)),
    )
    jobs = await vault.store.read("vault", [each.id for each in sent])
    assert all(job is not None and b"\x01\x03old" in job.body for job in jobs)
