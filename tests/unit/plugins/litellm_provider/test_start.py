"""What happens, and what does not, when the plugin is found, opened and closed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ragstone_plugins.litellm_provider.plugin import GENERATOR
from ragstone_plugins.litellm_provider.settings import LitellmGeneratorSettings
from ragstone_server.spi.errors import StartError
from ragstone_server.testing.memory.host import MemoryHost
from tests.served import Served

NO_NETWORK = """
import asyncio, sys, tempfile
from pathlib import Path
calls = []
sys.addaudithook(lambda event, args: calls.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
from ragstone_plugins.litellm_provider.plugin import EMBEDDER, GENERATOR, RERANKER
from ragstone_server.testing.memory.host import MemoryHost

async def main():
    folder = Path(tempfile.mkdtemp())
    (Path.cwd() / ".env").write_text("OPENAI_API_KEY=from-the-working-directory")
    async with MemoryHost(folder, folder) as host:
        for provider, more in ((GENERATOR, {}), (EMBEDDER, {"dimension": 8}), (RERANKER, {})):
            async with provider.open(provider.config(model="cohere/small", api_key="key", **more), host):
                pass

asyncio.run(main())
import litellm, os
assert not litellm.drop_params and litellm.suppress_debug_info and not litellm.telemetry
assert "OPENAI_API_KEY" not in os.environ, "an .env file was read"
print(calls)
"""
COUNTING = """
import asyncio, json, sys
from pathlib import Path
calls = []
sys.addaudithook(lambda event, args: calls.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
from ragstone_plugins.litellm_provider.plugin import GENERATOR
from ragstone_server.testing.memory.host import MemoryHost

TEXT = "Паром закрывает посадку в девять часов. Embarkation closes at nine.\\n\\n" * 100

async def main():
    counts = {}
    async with MemoryHost(Path(), Path()) as host:
        for model in ("openai/gpt-4o", "openai/gpt-4", "openai/text-davinci-003", "openai/small", "anthropic/small"):
            async with GENERATOR.open(GENERATOR.config(model=model, api_key="key", window=5000), host) as generator:
                counts[model] = generator.window.count(TEXT)
        async with GENERATOR.open(GENERATOR.config(model="openai/gpt-4o", api_key="key"), host) as generator:
            known = generator.window.tokens
        async with GENERATOR.open(GENERATOR.config(model="openai/small", api_key="key"), host) as generator:
            assert generator.window is None
    print(json.dumps([counts, known, calls]))

asyncio.run(main())
"""
WITHOUT = """
import asyncio, sys, tempfile
from pathlib import Path
sys.modules["litellm"] = None
from ragstone_plugins.litellm_provider.plugin import GENERATOR
from ragstone_server.spi.errors import StartError
from ragstone_server.testing.memory.host import MemoryHost

async def main():
    async with MemoryHost(Path(), Path()) as host:
        try:
            async with GENERATOR.open(GENERATOR.config(model="openai/small"), host):
                pass
        except StartError as error:
            print(error.message)

asyncio.run(main())
"""
DISCOVERED = """
import sys
from ragstone_server.registry.discovery import discover
assert {("generator", "litellm"), ("embedder", "litellm"), ("reranker", "litellm")} <= {
    (offer.kind.name, offer.provider.name) for offer in discover()
}
print("litellm" in sys.modules)
"""


def run(code: str, **more: Any) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI")}
    paths = [path for path in sys.path if path]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"PYTHONPATH": ":".join(paths)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **more,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_finding_the_plugin_does_not_import_litellm() -> None:
    assert run(DISCOVERED) == "False"


def test_the_embedded_default_never_imports_litellm(tmp_path: Path) -> None:
    trap = tmp_path / "trap" / "litellm"
    trap.mkdir(parents=True)
    marker = tmp_path / "imported"
    (trap / "__init__.py").write_text(f"open({str(marker)!r}, 'w').close()")
    paths = os.pathsep.join((str(trap.parent), *(path for path in sys.path if path)))
    with Served(tmp_path / "data", PYTHONPATH=paths) as server, server.client() as client:
        assert any(plugin.name == "litellm" and not plugin.selected for plugin in client.admin.plugins())
        client.ask("When does the ferry leave?")
    assert not marker.exists()


def test_opening_fetches_nothing_and_reads_no_env_file(tmp_path: Path) -> None:
    assert run(NO_NETWORK, cwd=tmp_path) == "[]"


def test_models_of_openai_are_counted_as_published_and_others_guessed_all_without_the_network(tmp_path: Path) -> None:
    counts, window, calls = json.loads(run(COUNTING, cwd=tmp_path))
    assert counts["openai/gpt-4o"] < counts["openai/gpt-4"] < counts["openai/small"]
    assert (
        counts["openai/text-davinci-003"] == counts["openai/small"] == counts["anthropic/small"]
    )  # not shipped, not known
    assert window == 128_000
    assert calls == []


def test_says_how_to_install_what_is_missing() -> None:
    assert "pip install 'ragstone-server[litellm]'" in run(WITHOUT)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "set model"),
        ({"model": "nobody-knows-it"}, "name it PROVIDER/MODEL"),
        ({"model": "openai/small", "region": "eu"}, "has no region"),
    ],
)
async def test_refuses_settings_that_do_not_fit(host: MemoryHost, settings: dict[str, str], says: str) -> None:
    with pytest.raises(StartError, match=says):
        async with GENERATOR.open(LitellmGeneratorSettings.model_validate(settings), host):
            pass


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "localhost:9000"},
        {"url": "http://me:secret@host/v1"},
        {"extra": {"num_retries": 3}},
        {"extra": {"stream": False}},
        {"timeout_seconds": 0},
        {"modle": "openai/small"},
    ],
)
def test_refuses_settings_that_make_no_sense(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LitellmGeneratorSettings.model_validate(settings)


def test_keys_do_not_show() -> None:
    settings = LitellmGeneratorSettings.model_validate(
        {"api_key": "secret", "extra": {"aws_secret_access_key": "secret"}}
    )
    assert "secret" not in repr(settings).replace("SecretStr", "").lower()


@pytest.mark.parametrize(
    ("model", "region"), [("bedrock/amazon.nova-pro-v1:0", "eu-central-1"), ("vertex_ai/gemini-small", "europe-west4")]
)
async def test_takes_a_region_where_there_are_some(host: MemoryHost, model: str, region: str) -> None:
    async with GENERATOR.open(LitellmGeneratorSettings(model=model, region=region), host) as generator:
        assert generator.model == model
