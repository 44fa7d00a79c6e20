"""The page on writing jobs shows code that works."""

from __future__ import annotations

import re

from headpond import App
from tree import ROOT


def test_the_example_runs() -> None:
    """What one copies declares the queue and the job type that the page speaks of."""
    page = (ROOT / "docs/howto/write-jobs.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 (our own page)
    app = names["app"]
    assert isinstance(app, App)
    job_type = app.queues["invoices"].job_types["send-invoice"]
    assert job_type.pack({"invoice_id": 7}).body
