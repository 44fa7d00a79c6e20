"""Alerts and dashboard speak of metrics that exist, and every alert has its page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from chart import CHART, one
from tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chart import Object

ALERTS: Final = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text("utf-8"))
DASHBOARD: Final = json.loads((CHART / "files" / "dashboard.json").read_text("utf-8"))
RUNBOOK: Final = ROOT / "docs" / "operations" / "runbook"
FOREIGN: Final = {"namespace", "pod", "le", "job", "instance"}
"""Labels that Prometheus adds, and the one of a histogram."""


def alerts() -> list[dict[str, Any]]:
    """Return every alert."""
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def queries() -> Iterator[tuple[str, str]]:
    """Yield name and expression of all that is asked of Prometheus."""
    for alert in alerts():
        yield alert["alert"], alert["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


@pytest.fixture(scope="module")
def metrics() -> dict[str, set[str]]:
    """Read the metrics and their labels on the page that the processes are held to."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `(headpond_\w+)` \| (\w+) \|([^|]*)\|", page, re.MULTILINE)
    known = {}
    for name, kind, labels in rows:
        for end in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            known[name + end] = set(re.findall(r"`(\w+)`", labels))
    return known


@pytest.mark.parametrize(("name", "query"), list(queries()), ids=lambda each: str(each)[:40])
def test_queries_ask_for_what_is_there(metrics: dict[str, set[str]], name: str, query: str) -> None:
    """Each metric of a query exists, and so does each label that it selects or groups by."""
    asked = re.findall(r"\b(headpond_\w+)(?:\{([^}]*)\})?", query)
    assert asked, query
    labels: set[str] = set()
    for metric, selectors in asked:
        assert metric in metrics, f"{name}: nobody exports {metric}"
        labels |= metrics[metric]
        chosen = set(re.findall(r"(\w+)\s*=", selectors))
        assert chosen <= metrics[metric] | FOREIGN, f"{name}: {metric} has no {chosen}"
    grouped = re.findall(r"\b(?:by|on) \(([^)]*)\)", query)
    by = {label.strip() for labels in grouped for label in labels.split(",")}
    assert by <= labels | FOREIGN, f"{name}: nothing is labelled {by}"


def test_prometheus_understands_the_queries(tmp_path: Path) -> None:
    """Promtool reads the alerts and every query of the dashboard."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on this machine (apt-get install prometheus)")
    file = tmp_path / "rules.yaml"
    rules = [{"record": f"panel:{i}", "expr": expr} for i, (_, expr) in enumerate(queries())]
    text = yaml.safe_dump({"groups": [*ALERTS["groups"], {"name": "panels", "rules": rules}]})
    file.write_text(text.replace("PROMISE_SECONDS", "300"), "utf-8")
    answer = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("alert", alerts(), ids=lambda each: each["alert"])
def test_every_alert_has_a_page(alert: dict[str, Any]) -> None:
    """The link leads to a page that names the alert, says what it means and what to do."""
    page = alert["annotations"]["runbook_url"].removeprefix("RUNBOOK/")
    text = (RUNBOOK / page).read_text("utf-8")
    assert alert["alert"] in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["What it means", "What to do"]
    table = (RUNBOOK.parent / "alerts.md").read_text("utf-8")
    assert f"[{alert['alert']}](runbook/{page})" in table
    severity = alert["labels"]["severity"]
    assert re.search(rf"{alert['alert']}\]\(.*\) \| {severity} \|", table)


def test_no_page_without_an_alert() -> None:
    """A page that no alert leads to is about nothing."""
    linked = {each["annotations"]["runbook_url"].removeprefix("RUNBOOK/") for each in alerts()}
    assert {page.name for page in RUNBOOK.iterdir()} == linked


def test_the_rules_are_the_releases_own(rendered: Callable[..., list[Object]]) -> None:
    """Namespace, promise and links are filled in; nothing is left to be."""
    said = {"enabled": True, "promiseSeconds": 77, "runbookUrl": "https://example.com/pages/"}
    rule = one(rendered(metrics={"rules": said}), "PrometheusRule", "headpond")
    text = json.dumps(rule)
    assert not re.search(r"RUNBOOK|PROMISE_SECONDS|NAMESPACE", text)
    missed = rule["spec"]["groups"][0]["rules"][0]
    assert "> 77" in missed["expr"]
    assert 'namespace="jobs"' in missed["expr"]
    assert missed["annotations"]["runbook_url"] == "https://example.com/pages/promise-missed.md"


def test_nobody_is_woken_for_an_operator_that_was_not_installed(
    rendered: Callable[..., list[Object]],
) -> None:
    """Without an operator its alerts are left out."""
    objects = rendered(metrics={"rules": {"enabled": True}}, operator={"enabled": False})
    groups = one(objects, "PrometheusRule", "headpond")["spec"]["groups"]
    assert [group["name"] for group in groups] == ["headpond"]


def test_the_dashboard_arrives_whole(rendered: Callable[..., list[Object]]) -> None:
    """What Grafana's sidecar finds is the file, its braces untouched."""
    objects = rendered(metrics={"dashboard": {"enabled": True}})
    found = one(objects, "ConfigMap", "headpond-dashboard")
    assert json.loads(found["data"]["headpond.json"]) == DASHBOARD
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) > 20
