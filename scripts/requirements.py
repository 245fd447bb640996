"""Compiles the pinned requirement files from `pyproject.toml`, with hashes and without naming an index."""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")
OURS = '"ragstone",'
TARGETS = {
    "server.txt": ("--extra", "eval", "pyproject.toml"),
    "dev.txt": ("--all-extras", "--group", "dev", "pyproject.toml"),
    "llm.txt": ("--group", "pyproject.toml:llm"),
}


def main() -> int:
    """Compile each file. Our own client is left out: it is installed from the folder beside."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "pyproject.toml"
        lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines(keepends=True)
        project.write_text("".join(line for line in lines if line.strip() != OURS), "utf-8")
        for name, what in TARGETS.items():
            options = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url")
            command = (
                str(UV),
                "pip",
                "compile",
                "--quiet",
                *options,
                "--no-annotate",
                "--no-header",
                *what,
            )
            output = ROOT / "requirements" / name
            done = subprocess.run((*command, "-o", str(output)), cwd=folder, check=False)
            if done.returncode != 0:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
