"""What `headpond up` refuses: one sentence, exit code 2, nothing left running."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from headpond.cli.up.folder import DataFolder
from up_tree import refused

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

HEAD = "apiVersion: headpond.dev/v1alpha1\nkind: QueueConfig\nmetadata: {name: greetings}\n"


def sentence(result: CompletedProcess[str]) -> str:
    """Return the one line that was said."""
    assert result.returncode == 2, result
    (line,) = result.stderr.splitlines()
    assert line.startswith("headpond: ")
    return line.removeprefix("headpond: ")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """It says which, and how to take another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert sentence(refused(tmp_path, "up_app", "--port", str(port))) == (
            f"Port {port} on 127.0.0.1 is taken by another program;"
            " choose another with --port (0: any free one)."
        )


def test_a_folder_that_another_up_uses(tmp_path: Path) -> None:
    """It says who has it."""
    folder = DataFolder(tmp_path / "data")
    folder.lock()
    try:
        said = sentence(refused(tmp_path, "up_app"))
    finally:
        folder.release()
    assert "is in use by another headpond up (process " in said


def test_a_redis_that_is_too_old(tmp_path: Path) -> None:
    """It says which version there is and which is needed."""
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=5.0.7 sha=0'\n")
    old.chmod(0o755)
    said = sentence(refused(tmp_path, "up_app", HEADPOND_REDIS_SERVER=str(old)))
    assert said.endswith("is Redis 5.0.7, which is too old: 6.2.0 or newer is needed.")


def test_a_redis_that_does_not_answer(tmp_path: Path) -> None:
    """The one of the environment is not ours to start."""
    said = sentence(refused(tmp_path, "up_app", HEADPOND_REDIS_URL="redis://127.0.0.1:1/0"))
    assert "127.0.0.1:1" in said


def test_an_app_that_is_not_there(tmp_path: Path) -> None:
    """It says which."""
    assert "'no_such_app' can't be imported" in sentence(refused(tmp_path, "no_such_app"))


def test_an_app_that_breaks_when_it_is_imported(tmp_path: Path) -> None:
    """It says where; an app in the current folder is found."""
    (tmp_path / "broken_app.py").write_text("\n1 / 0\n")
    said = sentence(refused(tmp_path, "broken_app"))
    assert "'broken_app' can't be imported: ZeroDivisionError: division by zero" in said
    assert "broken_app.py, line 2)" in said


def test_an_app_without_a_queue(tmp_path: Path) -> None:
    """There would be nothing to run."""
    (tmp_path / "empty_app.py").write_text("from headpond import App\napp = App('empty')\n")
    assert "No queue to run" in sentence(refused(tmp_path, "empty_app"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}spec: {{puase: Hold}}", "/spec/puase: There is no field 'puase' here"),
        (HEAD.replace("greetings", "greeting"), "Did you mean 'greetings'?"),
        ("a: [", "Not YAML at line 1"),
    ],
)
def test_a_file_that_can_t_be_put_into_force(tmp_path: Path, text: str, words: str) -> None:
    """There is no configuration before that could stay."""
    file = tmp_path / "q.yaml"
    file.write_text(text)
    assert words in sentence(refused(tmp_path, "up_app", "-f", str(file)))


def test_a_variable_that_is_no_number(tmp_path: Path) -> None:
    """It says which variable, and what it holds."""
    said = sentence(refused(tmp_path, "up_app", HEADPOND_GRACE_S="soon"))
    assert "/HEADPOND_GRACE_S: 'soon' must be a valid number" in said
