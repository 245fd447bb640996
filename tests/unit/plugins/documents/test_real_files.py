"""Files as the world makes them, where a folder of them is at hand; none is part of the project."""

import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pypdfium2 as pdfium
import pytest
import pytest_asyncio

from ragstone_plugins.documents.outcome import Failure, Outcome, Refusal
from ragstone_plugins.documents.pool import WorkerPool
from ragstone_plugins.documents.settings import DocumentsSettings
from ragstone_server.spi.parser import ParsedDocument, ParseRequest
from ragstone_server.testing.conformance.parser import check

DATA = Path(os.environ.get("RAGSTONE_DATA", Path(__file__).parents[5] / "shared" / "data"))
FORMATS, FILINGS = DATA / "formats", DATA / "sec10q" / "docs"
NOT_READ = {
    "empty.txt": Failure.WITHOUT_TEXT,
    "fake-text-all-whitespace.txt": Failure.WITHOUT_TEXT,
    "empty.xlsx": Failure.WITHOUT_TEXT,
    "picture.pptx": Failure.WITHOUT_TEXT,
    "test-image-jpg-mime.pptx": Failure.WITHOUT_TEXT,
    "loremipsum-flat.pdf": Failure.WITHOUT_TEXT,
    "single_table.pdf": Failure.WITHOUT_TEXT,
    "table-multi-row-column-cells.pdf": Failure.WITHOUT_TEXT,
    "password.pdf": Failure.ENCRYPTED,
    "password_protected.xlsx": Failure.ENCRYPTED,
    "duplicate-paragraphs.doc": Failure.UNSUPPORTED,
    "fake-doc-emphasized-text.doc": Failure.UNSUPPORTED,
    "fake.doc": Failure.UNSUPPORTED,
    "simple.doc": Failure.UNSUPPORTED,
    "fake-doc.rtf": Failure.UNSUPPORTED,
}

ALL = sorted(path for path in FORMATS.rglob("*") if path.is_file()) if FORMATS.is_dir() else []
SHARE = 1 if os.environ.get("RAGSTONE_ALL_FILES") else 4
"""Every fourth file, and all that are refused: all of them take as long as a tenth of all tests."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not FORMATS.is_dir(), reason="no folder of real files: set RAGSTONE_DATA"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(DocumentsSettings())
    await pool.start()
    yield pool
    await pool.close()


async def outcome_of(pool: WorkerPool, path: Path) -> Outcome:
    return await pool.read(ParseRequest(content=path.read_bytes(), filename=path.name))


async def test_every_file_is_read_or_refused_for_its_own_reason(pool: WorkerPool) -> None:
    counts: Counter[str] = Counter()
    files = [path for i, path in enumerate(ALL) if i % SHARE == 0 or path.name in NOT_READ]
    for path in files:
        outcome = await outcome_of(pool, path)
        expected = NOT_READ.get(path.name)
        if isinstance(outcome, Refusal):
            assert outcome.failure is expected, f"{path.name}: {outcome}"
            counts[outcome.failure] += 1
        else:
            assert expected is None, path.name
            check(outcome)
            counts["read"] += 1
    assert counts == {
        "read": len(files) - len(NOT_READ),
        Failure.WITHOUT_TEXT: 8,
        Failure.UNSUPPORTED: 5,
        Failure.ENCRYPTED: 2,
    }


@pytest.mark.parametrize("name", sorted(path.name for path in FILINGS.glob("*.pdf"))[::SHARE])
async def test_filings_have_the_right_pages(pool: WorkerPool, name: str) -> None:
    """The words of each page, as PDFium gives them in one piece, are on that page and no other."""
    document = await outcome_of(pool, FILINGS / name)
    assert isinstance(document, ParsedDocument)
    check(document)
    pages = {page.number: page.range.of(document.text) for page in document.pages}
    shares = []
    with pdfium.PdfDocument(FILINGS / name) as file:
        for number, page in enumerate(file, start=1):
            words = Counter(page.get_textpage().get_text_range().split())
            found = Counter(pages.get(number, "").split())
            if words:
                shares.append((words & found).total() / words.total())
    assert len(document.headings) > 20
    assert sum(shares) / len(shares) > 0.97
    assert sum(1 for share in shares if share < 0.85) <= 1
