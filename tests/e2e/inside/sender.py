"""Send jobs to the API from inside the cluster: `sender NAME COUNT`, half by the school's route."""

import http.client
import json
import os
import sys

BULK = 500
PATHS = ("/api/v1/queues/attendance/jobs/bulk", "/api/v2/api/school/attendance/mark")


def mark(number: int) -> dict[str, str]:
    """Return a mark of a student who is called as the job."""
    student = f"{sys.argv[1]}-{number}"
    where = {"tenantId": "greenfield", "institutionId": "north", "date": "2026-11-23"}
    return {**where, "studentId": student, "status": "present"}


def send(connection: http.client.HTTPConnection, path: str, body: object) -> None:
    """Post it; nothing but 202 will do."""
    headers = {"Authorization": f"Bearer {os.environ['KEY']}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != http.HTTPStatus.ACCEPTED:
        raise SystemExit(f"{path}: {answer.status} {said.decode()}")


def main() -> None:
    """Send the first half in bulks, the other one by one."""
    count = int(sys.argv[2])
    half = count // 2
    connection = http.client.HTTPConnection(
        os.environ["ADDRESS"].removeprefix("http://"), timeout=60
    )
    for first in range(0, half, BULK):
        numbers = range(first, min(first + BULK, half))
        jobs = [
            {
                "type": "mark-attendance",
                "job_id": f"{sys.argv[1]}-{number}",
                "tenant": "greenfield",
                "payload": mark(number),
            }
            for number in numbers
        ]
        send(connection, PATHS[0], {"jobs": jobs})
    for number in range(half, count):
        send(connection, PATHS[1], mark(number))


main()
