"""Finding apps and asking them: what is unknown is named, with what there is."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from headpond import App
from headpond.app.catalog import Catalog, load_apps
from headpond.clock import SystemClock
from headpond.errors import ConfigInvalid, JobTypeUnknown, QueueUnknown
from headpond.memory import MemoryQueueStore

if TYPE_CHECKING:
    from pathlib import Path


def an_app(name: str, *queues: str) -> App:
    """Build an app with a job type `grind` in each queue."""
    app = App(name)
    for queue in queues:
        app.queue(queue).job("grind")(lambda _: None)
    return app


def test_what_a_catalog_knows() -> None:
    """Queues of all apps, sorted; job types by queue."""
    catalog = Catalog([an_app("b", "zeta", "alpha"), an_app("a", "mill")])
    assert catalog.queue_names() == ["alpha", "mill", "zeta"]
    assert list(catalog.job_types("mill")) == ["grind"]
    assert catalog.job_type("mill", "grind").queue == "mill"
    assert catalog.queue("mill").app.name == "a"


def test_unknown_names_are_answered_with_the_nearest() -> None:
    """The message helps whoever mistyped."""
    catalog = Catalog([an_app("a", "mill")])
    with pytest.raises(QueueUnknown, match="Did you mean 'mill'"):
        catalog.job_types("mil")
    with pytest.raises(JobTypeUnknown, match="Did you mean 'grind'"):
        catalog.job_type("mill", "grnd")


def test_a_queue_belongs_to_one_app() -> None:
    """Two declarations would contradict each other."""
    with pytest.raises(ConfigInvalid, match="Declared by 'a' and by 'b'"):
        Catalog([an_app("a", "mill"), an_app("b", "mill")])


def test_all_apps_get_the_store() -> None:
    """`bind` reaches each."""
    apps = [an_app("a", "one"), an_app("b", "two")]
    store = MemoryQueueStore(SystemClock())
    Catalog(apps).bind(store)
    assert all(app.store is store for app in apps)


def test_apps_are_loaded_by_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's `App`, whatever its name; `module:name` is understood as well."""
    module = ModuleType("a_mill")
    module.the_app = an_app("mill", "mill")  # type: ignore[attr-defined]  # made here
    monkeypatch.setitem(sys.modules, "a_mill", module)
    assert [app.name for app in load_apps(["a_mill", "a_mill:the_app"])] == ["mill", "mill"]


def test_modules_that_hold_no_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, broken or empty: one sentence that names the module."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_mill.py").write_text("import nothing_of_this_name\n", "utf-8")
    (tmp_path / "leaving_mill.py").write_text("import sys\nsys.exit(5)\n", "utf-8")
    for module, words in [
        ("no_such_mill", "can't be imported: No module named 'no_such_mill'"),
        ("broken_mill", "can't be imported: No module named 'nothing_of_this_name'"),
        ("leaving_mill", "can't be imported: SystemExit: 5"),
        ("json", "'json' has no headpond.App"),
    ]:
        with pytest.raises(ConfigInvalid, match=words):
            load_apps([module])
