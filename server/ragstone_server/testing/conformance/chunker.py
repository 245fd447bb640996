"""Suite of the kind `chunker`. A subclass gives the fixture `chunker`; see `tests/conformance`."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ragstone_server.spi.chunker import Chunk, Chunker, ChunkRequest
from ragstone_server.spi.parser import Heading, Page, ParsedDocument
from ragstone_server.spi.ranges import CharRange
from ragstone_server.spi.tokenizer import Tokenizer
from ragstone_server.testing.conformance.document_samples import document, documents, tables
from ragstone_server.testing.memory.tokenizer import MemoryTokenizer

PROPERTY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)
LIMITS = st.integers(20, 260)


def path_at(headings: tuple[Heading, ...], start: int) -> tuple[str, ...]:
    """The headings in force at a character, one that begins there among them."""
    path: list[Heading] = []
    for heading in headings:
        if heading.start <= start:
            path = [*(above for above in path if above.level < heading.level), heading]
    return tuple(heading.text for heading in path)


class ChunkerConformance:
    """Every promise of `spi.chunker`."""

    @pytest.fixture
    def tokenizer(self) -> Tokenizer:
        """In whose tokens the chunks are measured."""
        return MemoryTokenizer()

    async def cut(
        self, chunker: Chunker, tokenizer: Tokenizer, parsed: ParsedDocument, max_tokens: int
    ) -> tuple[Chunk, ...]:
        """The chunks of a document, of which each says the truth about itself."""
        chunks = await chunker(ChunkRequest(document=parsed, tokenizer=tokenizer, max_tokens=max_tokens))
        data = parsed.text.encode()
        for chunk in chunks:
            assert chunk.range.of(data) == chunk.text
            assert chunk.text.strip()
        return chunks

    @PROPERTY
    @given(parsed=documents(), max_tokens=LIMITS)
    async def test_covers_everything_but_white_space_in_order(
        self, chunker: Chunker, tokenizer: Tokenizer, parsed: ParsedDocument, max_tokens: int
    ) -> None:
        """No character that is not white space is lost; chunks come in the order of their starts."""
        chunks = await self.cut(chunker, tokenizer, parsed, max_tokens)
        data = parsed.text.encode()
        end = 0
        for chunk in chunks:
            assert not data[end : max(end, chunk.range.start)].decode().strip()
            end = max(end, chunk.range.end)
        assert not data[end:].decode().strip()
        starts = [chunk.range.start for chunk in chunks]
        assert starts == sorted(set(starts))

    @PROPERTY
    @given(parsed=documents(), max_tokens=LIMITS)
    async def test_never_holds_more_tokens_than_the_limit(
        self, chunker: Chunker, tokenizer: Tokenizer, parsed: ParsedDocument, max_tokens: int
    ) -> None:
        """Counted in the chunk as it will be embedded, not in the document."""
        for chunk in await self.cut(chunker, tokenizer, parsed, max_tokens):
            assert len(tokenizer.offsets(chunk.text)) <= max_tokens
            assert 0 <= chunk.tokens <= max_tokens

    @PROPERTY
    @given(parsed=documents(), max_tokens=LIMITS)
    async def test_says_the_page_and_the_headings_above(
        self, chunker: Chunker, tokenizer: Tokenizer, parsed: ParsedDocument, max_tokens: int
    ) -> None:
        """The page on which it begins; headings from the outermost on, none that is not in force where it begins."""
        data = parsed.text.encode()
        for chunk in await self.cut(chunker, tokenizer, parsed, max_tokens):
            start = len(data[: chunk.range.start].decode())
            path = path_at(parsed.headings, start)
            assert chunk.headings == path[: len(chunk.headings)]
            on = [page.number for page in parsed.pages if page.range.start <= start < page.range.end]
            assert chunk.page == (on[0] if on else None) or (parsed.pages and not on)

    @PROPERTY
    @given(parsed=documents(), max_tokens=LIMITS)
    async def test_the_same_request_gives_the_same_chunks(
        self, chunker: Chunker, tokenizer: Tokenizer, parsed: ParsedDocument, max_tokens: int
    ) -> None:
        """Cutting keeps nothing from one document to the next."""
        first = await self.cut(chunker, tokenizer, parsed, max_tokens)
        await self.cut(chunker, tokenizer, document("# Something else\n\nentirely"), max_tokens)
        assert await self.cut(chunker, tokenizer, parsed, max_tokens) == first

    @PROPERTY
    @given(table=tables, before=st.sampled_from(["", "# Fares\n\n", "A word before.\n"]), max_tokens=LIMITS)
    async def test_a_row_is_not_cut(
        self, chunker: Chunker, tokenizer: Tokenizer, table: str, before: str, max_tokens: int
    ) -> None:
        """Each row lies whole in one chunk; how long a chunk may be is the chunker's affair, but half the limit is little."""
        assume(all(2 * len(tokenizer.offsets(row)) <= max_tokens for row in table.split("\n")))
        chunks = await self.cut(chunker, tokenizer, document(before + table), max_tokens)
        lines = [line for chunk in chunks for line in chunk.text.split("\n")]
        assert {line for line in lines if line.startswith("|")} == set(table.split("\n"))

    async def test_a_row_longer_than_a_chunk_is_cut(self, chunker: Chunker, tokenizer: Tokenizer) -> None:
        """The limit comes first."""
        row = f"| {' | '.join(f'cell {n}' for n in range(200))} |"
        chunks = await self.cut(chunker, tokenizer, document(row), 64)
        assert len(chunks) > 1
        assert all(len(tokenizer.offsets(chunk.text)) <= 64 for chunk in chunks)

    @pytest.mark.parametrize("text", ["", " ", "\n\n \t\n"])
    async def test_nothing_gives_nothing(self, chunker: Chunker, tokenizer: Tokenizer, text: str) -> None:
        """A text without any character that shows has no chunks."""
        assert await self.cut(chunker, tokenizer, document(text), 100) == ()

    async def test_a_short_text_is_one_chunk(self, chunker: Chunker, tokenizer: Tokenizer) -> None:
        """Bytes are counted, not characters."""
        (chunk,) = await self.cut(chunker, tokenizer, document("  Überfahrt nach 神戸: täglich. \n"), 100)
        assert chunk.text.strip() == "Überfahrt nach 神戸: täglich."
        assert chunk.page is None
        assert chunk.headings == ()
        assert chunk.tokens == len(tokenizer.offsets(chunk.text))

    async def test_pages(self, chunker: Chunker, tokenizer: Tokenizer) -> None:
        """Numbers are those of the document."""
        parsed = document("one " * 90 + "two " * 90, (_page(3, 0, 360), _page(4, 360, 720)))
        chunks = await self.cut(chunker, tokenizer, parsed, 50)
        assert {chunk.page for chunk in chunks} == {3, 4}
        assert [chunk.page for chunk in chunks] == sorted(chunk.page or 0 for chunk in chunks)

    async def test_fingerprint(self, chunker: Chunker) -> None:
        """It names how texts are cut, and stays."""
        assert chunker.fingerprint
        assert chunker.fingerprint == chunker.fingerprint


def _page(number: int, start: int, end: int) -> Page:
    return Page(number=number, range=CharRange(start=start, end=end))
