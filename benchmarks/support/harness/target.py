"""Where HTTP jobs go, and what their requests look like."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import asdict, dataclass
from http import HTTPStatus

from harness.handlers import TEXT
from harness.side import QUEUE


@dataclass(frozen=True, slots=True)
class Target:
    """A route that takes one job."""

    port: int
    path: str
    key: str = ""
    wrapped: str = ""
    """The job type, where the body is `{"type": …, "payload": …}`; else it is the payload alone."""
    ready: str = "/readyz"
    """Path that answers 200 once jobs are taken."""
    timed: bool = False
    """Whether the payload is that of a job that is timed."""

    def request(self, number: int, now_ns: int) -> bytes:
        """Return a whole request."""
        own = {"sent_ns": now_ns} if self.timed else {"number": number}
        payload = {**own, "text": TEXT}
        body = {"type": self.wrapped, "payload": payload} if self.wrapped else payload
        content = json.dumps(body).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        )
        if self.key:
            head += f"Authorization: Bearer {self.key}\r\n"
        return head.encode() + b"\r\n" + content

    def is_ready(self) -> bool:
        """Ask the server."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{self.ready}") as answer:
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False

    def as_json(self) -> str:
        """Return what `harness.load` takes."""
        return json.dumps(asdict(self))


def ours(port: int, key: str, *, timed: bool = False) -> Target:
    """Return our route for one job."""
    job_type = "stamp" if timed else "noop"
    return Target(port, f"/api/v1/queues/{QUEUE}/jobs", key, job_type, timed=timed)


def stock(port: int, *, timed: bool = False) -> Target:
    """Return the route of `harness.stock_api`."""
    return Target(port, "/stamps" if timed else "/jobs", timed=timed, ready="/openapi.json")
