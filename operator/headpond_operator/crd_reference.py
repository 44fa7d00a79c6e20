"""The reference page of the custom resource: `docs/reference/custom-resource.md`. Pure.

Write it again with `python -m headpond_operator.crd_reference > docs/reference/custom-resource.md`;
a test fails when the page and the models differ.
"""

from __future__ import annotations

import sys
from typing import Final

from headpond.config.reference import sections
from headpond_operator.crd import COLUMNS, WIDE_COLUMNS
from headpond_operator.crd_durations import LONGEST_TEXT
from headpond_operator.status_model import QueueConfigStatus

HEAD: Final = """\
# The custom resource

For whoever declares queues in a cluster, or reads what the operator says of them. The fields of
`spec` are those of the [QueueConfig](queueconfig.md), in a cluster as on a laptop. This page is
made by `python -m headpond_operator.crd_reference > docs/reference/custom-resource.md`; don't edit
it.

`queueconfigs.headpond.dev`, version `v1alpha1`, namespaced; short name `qc`, category `headpond`.
It needs Kubernetes 1.30 or newer.
The chart installs the definition, but Helm never changes one that is there. This puts it in, or
brings it up to date after an upgrade of the chart:

```
kubectl apply --server-side --force-conflicts -f charts/headpond/crds/queueconfigs.yaml
```

and every field of it has words and its default:

```
kubectl explain qc.spec.scaling.target
```

## What the API server refuses, and what it leaves to the operator

It refuses wrong types, values out of bounds, unknown fields (`kubectl` asks for that; other clients
say `fieldValidation: Strict`) and every contradiction that `headpond up -f` refuses, each with a
sentence at the field:

```
$ kubectl apply -f queue.yaml
The QueueConfig "attendance" is invalid: spec.scaling.min: Invalid value: "object": min 30 is more
than max 20 (the default).
```

The queue's name can't be changed, neither by `spec.queue` nor by leaving that out: the jobs would
be left behind.

The same document means the same to `kubectl` and to `headpond up -f`, except for this:

"""

DIFFERENCES: Final = (
    ("", "the API server", "`headpond up -f`"),
    ("---", "---", "---"),
    (
        "the QueueConfig's name",
        "1 to 56 of `a-z`, `0-9`, `-`, since `<name>-worker` names the Deployment",
        "may be longer, and have dots if `spec.queue` is given",
    ),
    ("a duration as a plain number", "refused; write `30s` for `30`", "seconds"),
    ("a duration as text", f"at most {LONGEST_TEXT} characters, no spaces around", "any length"),
    (
        "`env`, `envFrom`, `resources`, `tolerations`",
        "checked as Kubernetes has them",
        "taken, without effect",
    ),
    (
        "a `cron` with a range that runs backwards, or a day that never comes",
        "taken; the operator says so in the condition `Ready`",
        "refused",
    ),
    (
        "a time zone that doesn't exist",
        "taken if it looks like one; the operator says so in the condition `Ready`",
        "refused",
    ),
    ("`2.0` where a whole number is due", "taken, it is the same in JSON", "refused"),
)
"""What tests/support/queueconfig_examples.py shows, example by example."""

SCALE: Final = """
## kubectl scale

`kubectl scale qc/attendance --replicas=3` works in `scaling.mode: Manual`. In the other modes it is
refused with a sentence, since the operator decides there. `/scale` shows the replicas that there
are, and the selector of the worker pods.

## Columns

| column | | |
|---|---|---|
"""

STATUS_HEAD: Final = """
## The status

The operator alone writes it, by `/status`; a change of it through the object itself is dropped.
What is not known is absent, never 0. All fields are optional but those called required, which are
there when the mapping around them is.
"""


def reference() -> str:
    """Return the page."""
    differences = "".join(f"| {' | '.join(row)} |\n" for row in DIFFERENCES)
    status = sections("status", QueueConfigStatus)
    return f"{HEAD}{differences}{SCALE}{_columns()}{STATUS_HEAD}{status}"


def _columns() -> str:
    usual = "".join(
        f"| {name.upper()} | `{path}` | {words} |\n" for name, _, path, words in COLUMNS
    )
    wide = "".join(
        f"| {name.upper()} (with `-o wide`) | `{path}` | {words} |\n"
        for name, _, path, words in WIDE_COLUMNS
    )
    return usual + wide


if __name__ == "__main__":
    sys.stdout.write(reference())
