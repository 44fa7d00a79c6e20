"""Ids that Headpond makes up."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from headpond.app.identity import new_job_id
from headpond.jobs import check_job_id


def test_made_ids_are_ids_and_differ() -> None:
    """Each may name a job, and none comes twice, from however many threads."""
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: new_job_id(), range(5000)))
    assert len(set(made)) == 5000
    assert [check_job_id(each) for each in made] == made
    assert {len(each) for each in made} == {23}


FORKS = """
import os
from headpond.app.identity import new_job_id
new_job_id()
reader, writer = os.pipe()
if os.fork() == 0:
    os.write(writer, " ".join(new_job_id() for _ in range(300)).encode())
    os._exit(0)
os.wait()
theirs = set(os.read(reader, 65536).decode().split())
print(len(theirs), len(theirs & {new_job_id() for _ in range(300)}))
"""


def test_made_ids_differ_in_a_fork() -> None:
    """A child process goes on with chance of its own."""
    said = subprocess.run([sys.executable, "-c", FORKS], check=True, capture_output=True, text=True)
    assert said.stdout.split() == ["300", "0"]
