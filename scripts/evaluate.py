"""`make eval`: starts a server with an empty data directory and measures retrieval on a BEIR folder.

Usage: evaluate.py FOLDER
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from ragstone_server.bench.process import ragstone, running


def main() -> int:
    """Run `ragstone eval` against a server of its own."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory(prefix="ragstone-eval-") as data, running(*ragstone(Path(data))) as server:
        command = (Path(sys.executable).with_name("ragstone"), "eval", sys.argv[1], "--server", server.address)
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
