"""Which queues `headpond up` runs: the code, the file over it, and what is said of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headpond.app import App
from headpond.app.catalog import Catalog
from headpond.cli.up.declared import declare, differences, read_file
from headpond.config import parse_documents
from headpond.errors import ConfigInvalid

if TYPE_CHECKING:
    from pathlib import Path

    from headpond.config import QueueConfig


def a_catalog() -> Catalog:
    """Two queues; the code of one says how many workers it may have."""
    app = App("office")
    app.queue("mail", concurrency=3)
    app.queue("reports", max_workers=1)
    return Catalog([app])


def documents(*specs: str) -> list[QueueConfig]:
    """Return a document for each `name: spec`."""
    head = "apiVersion: headpond.dev/v1alpha1\nkind: QueueConfig\nmetadata: {name: %s}\nspec: %s\n"
    text = "---\n".join(head % tuple(spec.split(": ", 1)) for spec in specs)
    return parse_documents(text, "q.yaml")


def test_without_a_file_the_code_says_it_all() -> None:
    """And the machine bounds the workers of those that say nothing of them."""
    configs = declare(a_catalog(), [], ceiling=2)
    assert {q: c.spec.scaling.max for q, c in configs.items()} == {"mail": 2, "reports": 1}


def test_a_document_s_queue_has_the_schema_s_bounds() -> None:
    """The same document means the same here and in Kubernetes."""
    configs = declare(a_catalog(), documents("mail: {jobs: {retries: 1}}"), ceiling=2)
    assert configs["mail"].spec.scaling.max == 20
    assert (configs["mail"].spec.jobs.concurrency, configs["mail"].spec.jobs.retries) == (3, 1)
    assert configs["reports"].spec.scaling.max == 1


def test_a_queue_that_no_app_defines_is_refused() -> None:
    """With what there is, and the nearest name."""
    with pytest.raises(ConfigInvalid) as caught:
        declare(a_catalog(), documents("report: {}", "x: {queue: mial}"), ceiling=2)
    first, second = caught.value.errors
    assert first.pointer == "/metadata/name"
    assert "no queue 'report'. Did you mean 'reports'? Known: 'mail', 'reports'." in first.detail
    assert "(q.yaml:1)" in first.detail
    assert second.pointer == "/spec/queue"
    assert "Did you mean 'mail'?" in second.detail


def test_bad_code_is_said_with_the_queue_s_name() -> None:
    """The reader has no document to look at."""
    with pytest.raises(ConfigInvalid, match=r"the code of queue 'mail': .* must be "):
        App("office").queue("mail", concurrency=0)


def test_a_file_that_can_t_be_read_is_refused(tmp_path: Path) -> None:
    """Missing, a folder, or no text."""
    with pytest.raises(ConfigInvalid, match=r"can't be read: No such file"):
        read_file(tmp_path / "none.yaml")
    with pytest.raises(ConfigInvalid, match=r"can't be read: Is a directory"):
        read_file(tmp_path)
    (tmp_path / "latin").write_bytes(b"\xff")
    with pytest.raises(ConfigInvalid, match="Not UTF-8"):
        read_file(tmp_path / "latin")


def test_an_emptied_file_is_no_wish_for_defaults(tmp_path: Path) -> None:
    """A file that an editor has just truncated must not lift a hold."""
    (tmp_path / "queues.yaml").write_text("\n# soon\n---\n", "utf-8")
    with pytest.raises(ConfigInvalid, match="holds no QueueConfig"):
        read_file(tmp_path / "queues.yaml")


def test_a_change_is_said_field_by_field() -> None:
    """Before and after; but nothing of what may be secret."""
    before = declare(a_catalog(), documents("mail: {jobs: {maxActive: 3}}"), ceiling=2)
    spec = "mail: {pause: Hold, jobs: {concurrency: 9}, worker: {env: [{name: A, value: s3cret}]}}"
    after = declare(a_catalog(), documents(spec), ceiling=2)
    (sentence,) = differences(before, after)
    assert sentence == (
        "mail: pause None→Hold, jobs.concurrency 3→9, jobs.max_active 3→none, worker.env changed."
    ).replace("max_active", "maxActive")


def test_no_change_is_not_said() -> None:
    """A file that was only touched, or got a comment."""
    configs = declare(a_catalog(), documents("mail: {}"), ceiling=2)
    assert differences(configs, declare(a_catalog(), documents("mail: {}"), ceiling=2)) == []
