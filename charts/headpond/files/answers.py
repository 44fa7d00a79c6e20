"""`helm test`: the API is ready, refuses strangers, and knows its queues. Changes nothing."""

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any


def ask(path: str, key: str = "") -> tuple[int, Any]:
    """Return status and body of a GET."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(os.environ["ADDRESS"] + path, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


expected = [("/readyz", "", 200), ("/api/v1/queues", "", 401)]
expected += [("/api/v1/queues", os.environ["KEY"], 200)]
failed = False
for path, key, status in expected:
    found, body = ask(path, key)
    failed = failed or found != status
    who = "with the key" if key else "without a key"
    sys.stdout.write(f"{path} {who}: {found}, expected {status}\n")
    if found != status:
        sys.stdout.write(f"  {body}\n")
sys.exit(failed)
