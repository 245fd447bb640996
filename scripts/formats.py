"""Every file of a folder ends as stored or as a typed failure: a table by format.

Starts a server of its own and ingests the folder.

Usage: formats.py FOLDER
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from ragstone_server.bench.process import ragstone, running


def main() -> int:
    """Measure and print Markdown."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="ragstone-formats-") as data, running(*ragstone(Path(data))) as server:
        command = (str(Path(sys.executable).with_name("ragstone")), "ingest", str(folder), "--json", "--server")
        began = time.perf_counter()
        done = subprocess.run((*command, server.address), check=False, capture_output=True, text=True)
        seconds = time.perf_counter() - began
    report = json.loads(done.stdout)
    files = Counter(path.suffix.lower() or "(none)" for path in folder.rglob("*") if path.is_file())
    failures: dict[str, Counter[str]] = defaultdict(Counter)
    for failure in report["failures"]:
        failures[Path(failure["document"]).suffix.lower() or "(none)"][failure["reason"]] += 1
    print("| format | files | stored | typed failures |\n|---|---|---|---|")
    for suffix, count in sorted(files.items()):
        failed = failures[suffix]
        kinds = ", ".join(f"{reason} {number}" for reason, number in sorted(failed.items()))
        print(f"| {suffix} | {count} | {count - failed.total()} | {kinds} |")
    print(
        f"\n{report['stored']} stored, {report['unchanged']} unchanged, {report['failed']} failed, in {seconds:.0f} s"
    )
    untyped = [failure for failure in report["failures"] if failure["reason"] in ("", "INTERNAL")]
    for failure in untyped:
        print(f"not typed: {failure}", file=sys.stderr)
    return 1 if untyped else 0


if __name__ == "__main__":
    sys.exit(main())
