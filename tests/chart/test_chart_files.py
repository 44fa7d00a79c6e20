"""The chart's files agree with one another and with the project; no Helm is needed."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import chart_reference
import yaml

from chart import CHART, SCENARIOS
from tree import ROOT

VALUES = chart_reference.read((CHART / "values.yaml").read_text("utf-8"))
TEMPLATES = "\n".join(
    path.read_text("utf-8") for path in sorted((CHART / "templates").rglob("*")) if path.is_file()
)


def leaves(tree: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the paths of all values that are no mapping, or an empty one."""
    if not isinstance(tree, dict) or not tree:
        return [path]
    return [leaf for key, each in tree.items() for leaf in leaves(each, (*path, key))]


def test_the_chart_has_the_projects_version() -> None:
    """One version: the distribution's, the chart's and its images'."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == project["version"]
    assert chart["description"] == project["description"]
    assert chart["keywords"] == project["keywords"]


def test_the_reference_is_up_to_date() -> None:
    """Mend it by: python charts/chart_reference.py."""
    page = (ROOT / "docs" / "reference" / "chart.md").read_text("utf-8")
    assert page == chart_reference.page(VALUES)


def test_the_schema_is_up_to_date() -> None:
    """Mend it by: python charts/chart_reference.py."""
    text = (CHART / "values.schema.json").read_text("utf-8")
    assert json.loads(text) == chart_reference.schema(VALUES)


def test_every_value_is_explained() -> None:
    """No value is without a sentence, and no sentence is without a value."""
    tree = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    documented = [value.path for value in VALUES]
    assert len(documented) > 120
    for leaf in leaves(tree):
        assert any(leaf[: len(path)] == path for path in documented), ".".join(leaf)
    assert [value.name for value in VALUES if len(value.text.split()) < 2] == []


def test_every_value_is_used() -> None:
    """A value that no template asks for is a promise that nobody keeps."""
    unused = [v.name for v in VALUES if not re.search(rf"\.{v.path[-1]}\b", TEMPLATES)]
    assert unused == []


def test_every_rule_is_about_a_value() -> None:
    """What the schema says more of is there to be said more of."""
    assert set(chart_reference.RULES) <= {value.name for value in VALUES}


def test_the_scenarios_are_all_there() -> None:
    """One for each way to install it, and each says what it is."""
    assert [path.stem.removesuffix("-values") for path in SCENARIOS] == [
        "cluster-wide",
        "default",
        "everything-on",
        "external-redis",
        "minimal",
    ]
    for path in SCENARIOS:
        assert path.read_text("utf-8").startswith("# "), path


def test_everything_is_on() -> None:
    """The scenario `everything-on` switches on whatever can be."""
    said = yaml.safe_load((CHART / "ci" / "everything-on-values.yaml").read_text("utf-8"))
    off = [value for value in VALUES if value.path[-1] == "enabled" and not value.default]
    missing = []
    for value in off:
        at: Any = said
        for part in value.path:
            at = at.get(part, {})
        if at is not True:
            missing.append(value.name)
    assert missing == ["externalRedis.tls.enabled"]
