"""`make bench-kafka`: `ragstone bench kafka` over a Kafka and a PostgreSQL that are started for it.

Usage: bench_kafka.py [OPTION of `ragstone bench kafka` ...]
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from ragstone_server.bench.process import BINARY
from tests.services import choice
from tests.services.keeper import Keeper

HERE = Path(__file__).parent.parent
PIECE = 500
"""Characters of a text, about; one passage."""


def main() -> int:
    """Start both, measure, and leave nothing behind."""
    with Keeper() as keeper, ExitStack() as services, tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.jsonl"
        files = sorted([*HERE.glob("handbook/documents/*.md"), *HERE.glob("docs/**/*.md")])
        texts = pieces(file.read_text("utf-8") for file in files)
        corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        command = (
            *(BINARY, "bench", "kafka", "--corpus", str(corpus)),
            *("--bootstrap-servers", choice.kafka(keeper, services)),
            *("--postgresql-url", choice.postgresql(keeper, services)),
        )
        return subprocess.run([*command, *sys.argv[1:]], check=False).returncode


def pieces(texts: Iterable[str]) -> list[str]:
    """From each paragraph on, so many that it is long enough; each once."""
    found: dict[str, None] = {}
    for text in texts:
        paragraphs = [each for each in map(str.strip, text.split("\n\n")) if each]
        for first in range(len(paragraphs)):
            piece = ""
            for paragraph in paragraphs[first:]:
                piece = f"{piece}\n\n{paragraph}".strip()
                if len(piece) >= PIECE:
                    found[piece[: 2 * PIECE]] = None
                    break
    return list(found)


if __name__ == "__main__":
    sys.exit(main())
