"""Let every user write into the volume."""

from pathlib import Path

Path("/rows").chmod(0o777)
