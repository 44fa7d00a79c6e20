"""The reference page of the Redis keys, made from `keys.py`: `docs/reference/redis-keys.md`.

Write it again with `python -m headpond.redis.reference > docs/reference/redis-keys.md`; a test
fails when the page and the keys differ.
"""

from __future__ import annotations

import sys
from typing import Final

from headpond.redis.keys import (
    COLUMNS,
    control_channel,
    queue_key,
    queues_key,
    trial_key,
    wake_channel,
)
from headpond.redis.scripts import all_scripts

HEAD: Final = """\
# Redis keys

For whoever looks into Redis, writes an ACL or changes a script. This page is made from
`core/headpond/redis/keys.py` by `python -m headpond.redis.reference`; don't edit it. Why the data
lie so: [decision 1](../decisions/0001-redis-data-model.md).

All keys of a queue share the hash tag in braces, so a queue lives in one slot of a Redis Cluster.
Nobody but the scripts writes them. A queue's keys have no end of life of their own: retention trims
what they hold, and `clear` empties them.
"""


def page() -> str:
    """Return the page as Markdown."""
    lines = [HEAD, "| key | type and meaning | written or read by |", "|---|---|---|"]
    for column, meaning in COLUMNS.items():
        verbs = [name for name, script in all_scripts().items() if column in script.columns]
        by = ", ".join(f"`{verb}`" for verb in verbs) or "plain commands"
        cell = meaning.replace("|", "\\|")
        lines.append(f"| `{queue_key('headpond', 'QUEUE', column)}` | {cell} | {by} |")
    lines += [
        f"| `{queues_key('headpond')}` | SET of the configured queues' names | plain commands |",
        f"| `{trial_key('headpond')}` | STRING, gone at once: may one write? | plain commands |",
        "",
        "| channel | says |",
        "|---|---|",
        f"| `{wake_channel('headpond')}` | a queue's name, when an enqueue crosses its mark |",
        f"| `{control_channel('headpond', 'QUEUE')}` | `settings`, `hold` or `drain`: look again |",
        "",
        "`headpond` is the namespace (`HEADPOND_NAMESPACE`).",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
