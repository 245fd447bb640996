"""The door: offers the parser `documents`."""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ragstone_plugins.documents.outcome import Failure, Refusal
from ragstone_plugins.documents.settings import DocumentsSettings
from ragstone_server.spi.errors import (
    DocumentBroken,
    DocumentEncrypted,
    DocumentParseCrash,
    DocumentParseTimeout,
    DocumentTooLarge,
    DocumentUnsupported,
    DocumentWithoutText,
    RequestError,
)
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.parser import ParsedDocument, Parser, ParseRequest
from ragstone_server.spi.provider import Provider

_log = logging.getLogger(__name__)

_ERRORS: Mapping[Failure, type[RequestError]] = {
    Failure.UNSUPPORTED: DocumentUnsupported,
    Failure.BROKEN: DocumentBroken,
    Failure.ENCRYPTED: DocumentEncrypted,
    Failure.WITHOUT_TEXT: DocumentWithoutText,
    Failure.TOO_LARGE: DocumentTooLarge,
    Failure.TIMED_OUT: DocumentParseTimeout,
    Failure.CRASHED: DocumentParseCrash,
}


@asynccontextmanager
async def open_documents(settings: DocumentsSettings, host: Host) -> AsyncIterator[Parser]:
    """Start the workers; end them on leaving."""
    from ragstone_plugins.documents.pool import WorkerPool

    pool = WorkerPool(settings)

    async def parse(request: ParseRequest) -> ParsedDocument:
        outcome = await pool.read(request)
        if isinstance(outcome, Refusal):
            _log.debug("A document was not read: %s: %s", outcome.failure, outcome.detail)
            raise _error(outcome, settings)
        return outcome

    try:
        await pool.start()
        yield parse
    finally:
        await pool.close()


def _error(refusal: Refusal, settings: DocumentsSettings) -> RequestError:
    """The error that travels: of the library's words, none."""
    error = _ERRORS[refusal.failure]
    if refusal.failure is Failure.TOO_LARGE:
        return error(metadata={"limit_bytes": str(settings.max_expanded_bytes)})
    return error()


PROVIDER: Provider[Parser, DocumentsSettings] = Provider(
    name="documents",
    summary="PDF, Office, OpenDocument, HTML, Markdown, e-mail and more, in worker processes with limits",
    config=DocumentsSettings,
    open=open_documents,
)


@hookimpl
def ragstone_parsers() -> Iterable[Provider[Parser, Any]]:
    """Offer the parser."""
    return (PROVIDER,)
