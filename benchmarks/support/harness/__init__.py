"""What the benchmarks share: a Redis, processes that end, sides that do the same, rows with a bar.

`python benchmarks/NAME.py` puts `benchmarks/` on the import path, where http.py would stand in for
the standard library's `http`; it is taken off again before anything else is imported.
"""

import sys
from pathlib import Path

_SCRIPTS = Path(__file__).resolve().parents[2]
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _SCRIPTS]
