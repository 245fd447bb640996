"""`make demo`: serves, ingests documents, asks, and shows the streamed, cited answers.

Usage: demo.py [FOLDER] [--llm local]
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scripts.local_model import serving, settings_for

RAGSTONE = Path(sys.executable).with_name("ragstone")
LOCAL = "qwen"
HANDBOOK = Path("handbook/documents")
QUESTIONS = (
    "What is the hotel limit per night on business travel?",
    "At what state of charge may MV Dunlin not leave the quay with passengers?",
    "How much is the deposit for a reefer plug?",
    "What is the salary of the chief executive?",
)


def main() -> int:
    """Run the demo over a folder; over one's own, the questions are typed in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HANDBOOK)
    parser.add_argument("--llm", choices=("local",), help="a small language model on this machine answers")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    if not folder.exists():
        print(f"demo: there is no folder {folder}; name one that exists, as in: make demo DOCS=path", file=sys.stderr)
        return 1
    with contextlib.ExitStack() as stack:
        settings = {}
        if arguments.llm:
            settings = settings_for(LOCAL, stack.enter_context(serving(LOCAL)))
            settings["RAGSTONE__ANSWER__MAX_OUTPUT_TOKENS"] = "128"
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="ragstone-demo-"))
        address = stack.enter_context(_server(Path(data), settings))
        _say(f"ingesting {folder}")
        _ragstone(address, "ingest", str(folder))
        for question in QUESTIONS if folder.resolve() == HANDBOOK.resolve() else _own_questions():
            _say(f"ask: {question}")
            _ragstone(address, "ask", question)
    print(f"""
That was the whole way: a server, documents in, cited answers out. Now try:
  {_shown(RAGSTONE)} serve
  {_shown(RAGSTONE)} ingest {folder}              (in another terminal)
  {_shown(RAGSTONE)} ask "How do I book a berth?"

Your own documents: make demo DOCS=path/to/folder""")
    return 0


@contextlib.contextmanager
def _server(data: Path, settings: dict[str, str]) -> Iterator[str]:
    _say("starting a server on a free loopback port")
    command = (RAGSTONE, "serve", "--listen", "127.0.0.1:0", "--data-dir", data)
    log = (data / "server.log").open("w")
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **settings})
    assert server.stdout is not None
    try:
        first = server.stdout.readline()
        if not first.startswith("listening on "):
            server.wait()
            sys.exit(f"demo: the server did not start:\n{(data / 'server.log').read_text()}")
        print(first.strip())
        yield first.split()[-1]
    finally:
        server.terminate()
        server.wait(60)
        server.stdout.close()
        log.close()


def _own_questions() -> Iterator[str]:
    """What a person types, until an empty line."""
    if not sys.stdin.isatty():
        yield from (line.strip() for line in sys.stdin if line.strip())
        return
    while question := input("\nYour question (an empty line ends): ").strip():
        yield question


def _ragstone(address: str, *arguments: str) -> None:
    subprocess.run((RAGSTONE, *arguments, "--server", address), check=False)


def _say(text: str) -> None:
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def _shown(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
