"""`make bench-generate`: streamed answers beside the provider called directly, in one run.

Usage: bench_generate.py [--provider openai_compatible|litellm] [--streams N]
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ragstone import Client
from ragstone_server.bench.process import ragstone, running
from scripts.benchmarks.generation import QUESTION, measure_streams

TOKENS = 64
PROMPT = [{"role": "user", "content": "The bell of tower 7 rings at seven. " * 20 + QUESTION}]
PROVIDER = (sys.executable, "-m", "scripts.benchmarks.provider_server", str(TOKENS))
AT_ONCE = (1, 16, 128)
LONE_TOKENS_APART_S = 0.01


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--provider", default="openai_compatible", help="the generator plugin to measure")
    parser.add_argument("--streams", type=int, default=256, help="streams of each measurement")
    arguments = parser.parse_args()
    report: dict[str, Any] = {"tokens": TOKENS, "provider": arguments.provider}
    report["at_once"] = _measure(arguments.provider, 0.0, dict.fromkeys(AT_ONCE, arguments.streams))
    report["lone_tokens"] = _measure(arguments.provider, LONE_TOKENS_APART_S, {4: 32})
    print(json.dumps(report, indent=2))
    return 0


def _measure(plugin: str, apart_s: float, plan: dict[int, int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ragstone-bench-") as data, running(*PROVIDER, str(apart_s)) as provider:
        url = f"http://{provider.address}/v1"
        model = "openai/m" if plugin == "litellm" else "m"
        os.environ |= {
            "RAGSTONE__GENERATOR__USE": "routes",
            "RAGSTONE__ROUTES__DEFAULT__DEPLOYMENTS": (
                f'[{{ provider = "{plugin}", model = "{model}", url = "{url}", api_key = "none" }}]'
            ),
            "RAGSTONE__SERVER__LOG_LEVEL": "warning",
        }
        with running(*ragstone(Path(data))) as server:
            with Client(server.address) as client:
                for i in range(20):
                    client.upsert_document(f"tower{i}", text=f"The bell of tower {i} rings at {i} in the morning.")
                client.retrieve(QUESTION, min_watermark="session")
            measured: dict[str, Any] = {}
            for at_once, streams in plan.items():
                measured[str(at_once)] = asyncio.run(measure_streams(server, url, PROMPT, streams, at_once))
                if plugin == "litellm":
                    measured[str(at_once)]["litellm_alone"] = _alone(url, streams, at_once)
            return measured


def _alone(url: str, streams: int, at_once: int) -> dict[str, float]:
    """litellm in a process of its own, asked the same of the same provider."""
    command = (sys.executable, "-m", "scripts.benchmarks.litellm_client", url, str(streams), str(at_once))
    done = subprocess.run(command, input=json.dumps(PROMPT), text=True, stdout=subprocess.PIPE, check=True)
    return {"cpu_ms_per_stream": float(done.stdout.split()[-1])}


if __name__ == "__main__":
    sys.exit(main())
