"""skaffold.yaml: right by Skaffold's own schema, and in step with Dockerfile, chart and images."""

from __future__ import annotations

import re
from functools import reduce
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from skaffold_schema import VERSION, NotHere, schema
from tree import ROOT

AGAIN = "python -m pytest tests/repo/test_skaffold.py"


@pytest.fixture(scope="module")
def skaffold() -> dict[str, Any]:
    """Read the file."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    """Read the chart's values."""
    text = (ROOT / "charts/headpond/values.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def targets(path: str = "Dockerfile") -> list[str]:
    """Return the stages of the Dockerfile that are images."""
    text = (ROOT / path).read_text("utf-8")
    return re.findall(r"^FROM runtime AS (\w+)$", text, re.MULTILINE)


def patched(skaffold: dict[str, Any], profile: dict[str, Any]) -> dict[str, Any]:
    """Apply a profile's patches, as far as the file uses them: add or replace one key."""
    copy: dict[str, Any] = yaml.safe_load(yaml.safe_dump(skaffold))
    for patch in profile["patches"]:
        *way, last = patch["path"].strip("/").split("/")
        place: Any = copy
        for key in way:
            place = place[int(key) if key.isdigit() else key]
        assert (last in place) == (patch["op"] == "replace"), patch
        place[last] = patch["value"]
    del copy["profiles"]
    return copy


def test_it_is_right_by_the_schema(skaffold: dict[str, Any]) -> None:
    """As it stands, and as each profile makes it."""
    try:
        validator = Draft7Validator(schema())
    except NotHere as error:
        pytest.skip(f"{error} (then: {AGAIN})")
    assert skaffold["apiVersion"] == f"skaffold/{VERSION}"
    validator.validate(skaffold)
    for profile in skaffold["profiles"]:
        validator.validate(patched(skaffold, profile))


def test_there_are_profiles_to_develop_and_to_test(skaffold: dict[str, Any]) -> None:
    """`skaffold dev` finds its own by itself."""
    profiles = {each["name"]: each for each in skaffold["profiles"]}
    assert set(profiles) == {"dev", "ci"}
    assert profiles["dev"]["activation"] == [{"command": "dev"}]


def test_every_image_of_the_dockerfile_is_built_and_deployed(skaffold: dict[str, Any]) -> None:
    """Each target is an artifact of its name, and the release gets its name and its tag."""
    built = {each["image"]: each["docker"]["target"] for each in skaffold["build"]["artifacts"]}
    assert built == {f"headpond-{target}": target for target in targets()}
    given = skaffold["deploy"]["helm"]["releases"][0]["setValueTemplates"]
    assert given == {
        f"{target}.image.{key}": f"{{{{.IMAGE_{what}_headpond_{target}}}}}"
        for target in targets()
        for key, what in {"repository": "REPO", "tag": "TAG"}.items()
    }


def test_the_chart_has_every_value_that_is_set(
    skaffold: dict[str, Any], values: dict[str, Any]
) -> None:
    """A value that the chart does not know would be set in vain."""
    release = skaffold["deploy"]["helm"]["releases"][0]
    profiles = {each["name"]: patched(skaffold, each) for each in skaffold["profiles"]}
    for_dev = profiles["dev"]["deploy"]["helm"]["releases"][0]["setValues"]
    for path in (*release["setValueTemplates"], *for_dev):
        reduce(lambda at, key: at[key], path.split("."), values)
    assert (ROOT / release["chartPath"] / "Chart.yaml").is_file()
    for_ci = profiles["ci"]["deploy"]["helm"]["releases"][0]["valuesFiles"]
    assert all((ROOT / path).is_file() for path in for_ci)


def test_the_base_for_ci_is_the_one_that_is_made(skaffold: dict[str, Any]) -> None:
    """tests/cluster/images makes the base that the profile `ci` names."""
    debian = re.search(
        r"^DEBIAN=(\w+)$", (ROOT / "tests/cluster/versions.env").read_text(), re.MULTILINE
    )
    assert debian is not None
    profile = next(each for each in skaffold["profiles"] if each["name"] == "ci")
    artifacts = patched(skaffold, profile)["build"]["artifacts"]
    bases = {each["docker"]["buildArgs"]["BASE"] for each in artifacts}
    assert bases == {f"headpond-base:{debian[1]}"}
