"""The page of the Redis keys is what `keys.py` says."""

from __future__ import annotations

from headpond.redis.keys import COLUMNS
from headpond.redis.reference import page
from headpond.redis.scripts import all_scripts
from tree import ROOT


def test_the_page_of_keys_is_up_to_date() -> None:
    """`python -m headpond.redis.reference` would write the very page that is there."""
    assert (ROOT / "docs/reference/redis-keys.md").read_text("utf-8") == page()


def test_every_key_of_a_script_is_documented() -> None:
    """No script declares a column that is not explained (`state` stands for any of six)."""
    declared = {column for script in all_scripts().values() for column in script.columns}
    assert declared - {"state"} <= set(COLUMNS)
