"""Worker processes: their limits, their deaths, and what they keep from the server."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from ragstone_plugins.documents import worker
from ragstone_plugins.documents.outcome import Failure, Refusal
from ragstone_plugins.documents.pool import WorkerPool
from ragstone_plugins.documents.settings import DocumentsSettings
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.parser import ParsedDocument, ParseRequest
from tests.unit.plugins.documents import hurting, samples

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

MIB = 1024 * 1024
HELLO = ParseRequest(content=b"hello", filename="a.txt")
SETTINGS = DocumentsSettings(workers=1, time_limit_seconds=2, memory_bytes=700 * MIB, max_expanded_bytes=64 * MIB)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    """One worker, with tight limits; its parser does harm when asked."""
    pool = WorkerPool(SETTINGS)
    await pool.start()
    yield pool
    await pool.close()


async def works(pool: WorkerPool) -> bool:
    outcome = await pool.read(HELLO)
    return isinstance(outcome, ParsedDocument) and outcome.text == "hello"


async def hurt(pool: WorkerPool, harm: str, monkeypatch: pytest.MonkeyPatch) -> Refusal | ParsedDocument:
    """Have the worker do something to itself in place of reading."""
    with monkeypatch.context() as patch:
        patch.setattr(worker, "read", getattr(hurting, harm))
        return await pool.read(HELLO)


async def test_documents_and_refusals(pool: WorkerPool) -> None:
    document = await pool.read(ParseRequest(content=samples.pptx()))
    assert isinstance(document, ParsedDocument)
    assert len(document.pages) == 2
    refusal = await pool.read(ParseRequest(content=samples.locked_pdf()))
    assert isinstance(refusal, Refusal)
    assert refusal.failure is Failure.ENCRYPTED


@pytest.mark.parametrize(
    ("harm", "failure"),
    [
        ("sleep", Failure.TIMED_OUT),
        ("spin", Failure.TIMED_OUT),
        ("hoard", Failure.CRASHED),
        ("die", Failure.CRASHED),
        ("segfault", Failure.CRASHED),
        ("exit_quietly", Failure.TIMED_OUT),
        ("throw", Failure.BROKEN),
    ],
)
async def test_harm_is_a_refusal_and_the_next_document_is_read(
    pool: WorkerPool, harm: str, failure: Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = await hurt(pool, harm, monkeypatch)
    assert isinstance(outcome, Refusal)
    assert outcome.failure is failure
    assert await works(pool)


async def test_a_sheet_of_seventeen_milliards_of_cells(pool: WorkerPool) -> None:
    """Two cells in opposite corners: the library makes room for all between them."""
    sheet = samples.xlsx({"a": [["first"]]})
    far = samples.replaced(sheet, "xl/worksheets/sheet1.xml", "</sheetData>", FAR_CELL)
    outcome = await pool.read(ParseRequest(content=far))
    assert isinstance(outcome, Refusal)
    assert outcome.failure in (Failure.CRASHED, Failure.BROKEN)
    assert await works(pool)


FAR_CELL = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>last</t></is></c></row></sheetData>'


async def test_an_idle_worker_is_killed(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    os.kill(await process_of(pool, monkeypatch), signal.SIGKILL)
    await asyncio.sleep(0.5)
    assert await works(pool)


async def test_cancelling_kills_the_worker(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    process = psutil.Process(await process_of(pool, monkeypatch))
    reading = asyncio.create_task(hurt(pool, "sleep", monkeypatch))
    await asyncio.sleep(0.5)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await works(pool)
    await asyncio.to_thread(process.wait, 5)


async def test_what_a_worker_keeps_of_the_server(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGSTONE_SECRET", "hush")
    found = await hurt(pool, "look_around", monkeypatch)
    assert isinstance(found, Refusal)
    assert found.detail == "environment [], output /dev/null, files not written"


async def test_documents_wait_for_a_free_worker(pool: WorkerPool) -> None:
    texts = [f"document {number}" for number in range(20)]
    outcomes = await asyncio.gather(*(pool.read(ParseRequest(content=text.encode())) for text in texts))
    assert [outcome.text for outcome in outcomes if isinstance(outcome, ParsedDocument)] == texts


async def test_workers_are_replaced_after_so_many_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = WorkerPool(SETTINGS.model_copy(update={"documents_per_worker": 3}))
    await pool.start()
    try:
        processes = {await process_of(pool, monkeypatch) for _ in range(7)}
        assert len(processes) > 1
    finally:
        await pool.close()


async def test_workers_that_do_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "start", hurting.refuse_to_start)
    pool = WorkerPool(SETTINGS)
    with pytest.raises(StartError):
        await pool.start()
    await pool.close()


async def test_a_killed_server_leaves_no_worker() -> None:
    program = Path(__file__).with_name("serving.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        assert server.stdout.readline().strip() == "ready"
        process = psutil.Process(server.pid)
        workers = [child for child in process.children(recursive=True) if child.parent() != process]
        server.kill()
    assert len(workers) == 2
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive


async def process_of(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> int:
    found = await hurt(pool, "tell_process", monkeypatch)
    assert isinstance(found, Refusal)
    return int(found.detail)
