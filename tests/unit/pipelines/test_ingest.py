"""The way of a document: nothing is parsed, cut or embedded that need not be, and everything is bounded."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_server.catalog.writes import Write, WriteOutcome, WriteReceipt
from ragstone_server.pipelines import ingest
from ragstone_server.pipelines.admission import Admission
from ragstone_server.pipelines.plain_text import plain_document
from ragstone_server.pipelines.settings import IngestSettings
from ragstone_server.spi.errors import (
    DocumentTooLarge,
    DocumentUnsupported,
    DocumentWithoutText,
    GenerationMismatch,
    Overloaded,
    VersionStale,
)
from ragstone_server.spi.parser import ParsedDocument
from ragstone_server.testing.conformance.samples import CONTEXT
from tests.unit.pipelines.house import House, forget, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, IngestSettings(max_document_bytes=1000, embed_batch=2)) as house:
        yield house


def embedded(house: House) -> int:
    return sum(len(request.texts) for request in house.embedder.requests)


async def test_a_document_is_stored_with_its_passages(house: House) -> None:
    receipt = await house.put("a", "The ferry leaves at nine.")
    assert (receipt.outcome, receipt.version, receipt.passages) == (WriteOutcome.STORED, 1, 1)
    assert receipt.watermark.position == 1


async def test_what_is_stored_already_costs_nothing(house: House) -> None:
    await house.put("a", "The ferry leaves at nine.")
    before = embedded(house)
    receipt = await house.put("a", "The ferry leaves at nine.")
    assert (receipt.outcome, receipt.version) == (WriteOutcome.UNCHANGED, 1)
    assert embedded(house) == before


async def test_metadata_move_without_embedding(house: House) -> None:
    await house.put("a", "The ferry leaves at nine.", year=2024.0)
    before = embedded(house)
    receipt = await house.put("a", "The ferry leaves at nine.", year=2025.0)
    assert (receipt.outcome, receipt.version) == (WriteOutcome.UNCHANGED, 2)
    assert receipt.watermark.position == 2
    assert embedded(house) == before


async def test_a_passage_that_is_known_keeps_its_vector(house: House) -> None:
    house.embedder.max_tokens = 3
    await house.put("a", "one two three\nfour five six")
    before = embedded(house)
    house.embedder.requests.clear()
    # The title is the document's name, and part of what is embedded: the same document, so the same rendering.
    await house.put("a", "one two three\nseven eight nine")
    assert before == 2
    assert [text.rpartition("\n")[2] for request in house.embedder.requests for text in request.texts] == [
        "seven eight nine"
    ]


async def test_texts_go_to_the_embedder_in_batches_of_like_length(house: House) -> None:
    house.embedder.max_tokens = 2
    await house.put("a", "a bbbbbbbb\nc d\ne ffff\ng hhhhhhhhhhhh\ni jj")
    lengths = [[len(text) for text in request.texts] for request in house.embedder.requests]
    assert [len(batch) for batch in lengths] == [2, 2, 1]
    assert sum(lengths, []) == sorted(sum(lengths, []))  # noqa: RUF017 - three short lists


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", DocumentWithoutText),
        (" \n\t", DocumentWithoutText),
        ("\x00\x01", DocumentWithoutText),
        (b"x" * 1001, DocumentTooLarge),
        (b"\xff\xfe\xfd", DocumentUnsupported),
    ],
    ids=["empty", "white space", "control characters", "too large", "not UTF-8"],
)
async def test_what_is_no_document_is_refused_and_leaves_nothing(
    house: House, content: bytes | str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await house.put("a", content)
    collection = await house.catalog.collection(CONTEXT.collection)
    assert (collection.head, house.ingest.admission.documents) == (0, 0)


async def test_a_stale_version_is_refused_before_any_work(house: House) -> None:
    await house.put("a", "one", version=5)
    before = embedded(house)
    with pytest.raises(VersionStale):
        await house.put("a", "two", version=4)
    assert embedded(house) == before


async def test_another_embedder_is_refused_before_any_work(house: House, tmp_path: Path) -> None:
    await house.put("a", "one")
    forget(house)
    with pytest.raises(GenerationMismatch):
        await house.put("b", "two")


async def test_the_same_document_sent_twice_at_once_is_stored_once(house: House) -> None:
    receipts = await asyncio.gather(*(house.put("a", "one", version=1) for _ in range(2)))
    assert sorted(receipt.outcome for receipt in receipts) == [WriteOutcome.STORED, WriteOutcome.UNCHANGED]


async def test_a_document_holds_its_place_until_it_is_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    held = []
    commit = house.catalog.commit

    async def watched(write: Write) -> WriteReceipt | None:
        held.append(house.ingest.admission.documents)
        return await commit(write)

    monkeypatch.setattr(house.catalog, "commit", watched)
    await house.put("a", "one")
    assert held == [1]
    assert house.ingest.admission.documents == 0


async def test_a_large_text_is_hashed_and_normalised_beside_the_event_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def watched(text: str) -> ParsedDocument:
        threads.append(threading.current_thread() is threading.main_thread())
        return plain_document(text)

    monkeypatch.setattr(ingest, "LARGE", 20)
    monkeypatch.setattr(ingest, "plain_document", watched)
    await house.put("small", "one")
    await house.put("large", "one two three four five six seven")
    assert threads == [True, False]


def test_admission_counts_documents_and_bytes() -> None:
    admission = Admission(max_documents=2, max_bytes=10)
    with admission.admitted(8):
        with pytest.raises(Overloaded) as caught, admission.admitted(3):
            pass
        assert caught.value.retry_after_s
        with admission.admitted(2), pytest.raises(Overloaded), admission.admitted(0):
            pass
    assert (admission.documents, admission.bytes) == (0, 0)


def test_one_document_alone_is_always_admitted() -> None:
    with Admission(max_documents=2, max_bytes=10).admitted(99):
        pass


def test_text_is_put_in_the_order_of_extracted_text() -> None:
    assert plain_document("a\r\nb\rc\x00d\u2028e\tf ").text == "a\nb\nc d e\tf"
    assert plain_document("e\u0301").text == "\u00e9"
