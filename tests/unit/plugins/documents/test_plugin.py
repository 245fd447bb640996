"""The door: settings, errors, and what the server does not load."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import ValidationError

from ragstone_plugins.documents.outcome import Failure, Refusal
from ragstone_plugins.documents.plugin import PROVIDER, _error, ragstone_parsers
from ragstone_plugins.documents.settings import DocumentsSettings
from ragstone_server.spi.errors import DocumentBroken, DocumentEncrypted, DocumentTooLarge, RequestError
from ragstone_server.spi.parser import Parser, ParseRequest
from ragstone_server.spi.reasons import Reason
from ragstone_server.testing.conformance.parser import REFUSALS, ParserConformance
from ragstone_server.testing.memory.host import MemoryHost
from tests.unit.plugins.documents import samples

HEAVY = ("lxml", "mammoth", "pptx", "py3langid", "pypdfium2", "python_calamine", "PIL", "markdown_it")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parser]:
    directory = tmp_path_factory.mktemp("host")
    async with MemoryHost(directory, directory) as host, PROVIDER.open(DocumentsSettings(), host) as parser:
        yield parser


@pytest.mark.asyncio(loop_scope="module")
class TestConformance(ParserConformance):
    @pytest.fixture
    def parser(self, opened: Parser) -> Parser:
        return opened


@pytest.mark.asyncio(loop_scope="module")
async def test_a_refusal_is_an_error_without_a_word_of_the_document(opened: Parser) -> None:
    with pytest.raises(DocumentEncrypted) as encrypted:
        await opened(ParseRequest(content=samples.locked_pdf(), filename="secret.pdf"))
    assert encrypted.value.message == "The document is protected by a password."
    with pytest.raises(DocumentBroken) as broken:
        await opened(ParseRequest(content=b'{"secret": ', filename="a.json"))
    assert "secret" not in f"{broken.value.message} {broken.value.metadata}"


def test_every_failure_is_an_error_of_the_contract() -> None:
    errors = [_error(Refusal(failure=failure, detail="secret"), DocumentsSettings()) for failure in Failure]
    assert {type(error) for error in errors} == set(REFUSALS)
    assert all(isinstance(error, RequestError) and error.reason is not Reason.INTERNAL for error in errors)
    assert not any("secret" in str(error) for error in errors)
    too_large = next(error for error in errors if isinstance(error, DocumentTooLarge))
    assert too_large.metadata == {"limit_bytes": str(DocumentsSettings().max_expanded_bytes)}


def test_settings() -> None:
    assert DocumentsSettings().workers == 2
    assert all(field.description for field in DocumentsSettings.model_fields.values())
    for wrong in ({"workers": 0}, {"time_limit_seconds": 0}, {"memory_bytes": 1}, {"colour": "red"}):
        with pytest.raises(ValidationError):
            DocumentsSettings.model_validate(wrong)


def test_the_hook_offers_it() -> None:
    (provider,) = ragstone_parsers()
    assert (provider.name, provider.needs) == ("documents", ())


def test_the_server_loads_none_of_the_libraries() -> None:
    code = (
        "import sys, ragstone_plugins.documents.plugin, ragstone_plugins.documents.pool\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    root = Path(__file__).parents[4]
    path = f"{root / 'server'}:{root / 'plugins'}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert done.stdout.strip() == "[]"
