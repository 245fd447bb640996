"""The open views of one collection, each with its follower."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ragstone_server.indexing.follower import Follower, noted_as
from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.indexing.together import together
from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.generation_stages import GenerationOpener
from ragstone_server.spi.generations import GenerationRecord
from ragstone_server.spi.lexical_index import LexicalIndex
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, Position
from ragstone_server.spi.vector_index import VectorIndex
from ragstone_server.spi.views import LexicalView, VectorView, View, ViewSpec

logger = logging.getLogger(__name__)

VECTORS = "vectors"
WORDS = "words"
VIEWS = (VECTORS, WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexKinds:
    """What every collection's index is made of."""

    vector: VectorIndex
    lexical: LexicalIndex
    generations: GenerationOpener


class CollectionIndex:
    """Two views that follow one generation of one collection."""

    def __init__(
        self,
        vectors: VectorView,
        words: LexicalView,
        followers: dict[str, Follower],
        key: CollectionKey,
        generation: GenerationRecord,
    ) -> None:
        self.key = key
        self.generation = generation
        self.vectors = vectors
        self.words = words
        self.followers = followers

    @property
    def views(self) -> Mapping[str, View]:
        """By name, as the followers are."""
        return {VECTORS: self.vectors, WORDS: self.words}

    def nudge(self) -> None:
        """Say that the log has grown."""
        for follower in self.followers.values():
            follower.nudge()

    async def wait_for(self, position: Position) -> None:
        """Return when each view has passed the position, or cannot follow at present."""
        await together(*(follower.wait_for(position) for follower in self.followers.values()))

    async def settle(self, seconds: float) -> None:
        """Give the views so much time to have what was written before they were opened; after it, they are `incomplete`."""
        lacking = [follower for follower in self.followers.values() if follower.incomplete]
        if not lacking:
            return
        try:
            async with asyncio.timeout(seconds):
                await together(*(follower.settle() for follower in lacking))
        except TimeoutError:
            pass

    @property
    def durable(self) -> Position:
        """Changes up to here are needed by none of the views any more."""
        return min(follower.durable for follower in self.followers.values())


@asynccontextmanager
async def collection_index(
    collection: CollectionRecord,
    generation: GenerationRecord,
    kinds: IndexKinds,
    store: CatalogStore,
    directory: Path,
    settings: IndexingSettings,
    *,
    clock: Clock,
    instance: str,
) -> AsyncIterator[CollectionIndex]:
    """Open the views of a generation and follow the collection's log until the context is left. Raises `GenerationMismatch`."""
    stages = await kinds.generations.of(generation)

    def spec(view: str, fingerprint: str) -> ViewSpec:
        return ViewSpec(
            collection=collection.key,
            epoch=store.epoch,
            generation=f"{generation.generation.fingerprint}+{fingerprint}",
            directory=directory / view,
            dimension=stages.embedder.dimension,
        )

    async with AsyncExitStack() as stack:
        vectors = await stack.enter_async_context(kinds.vector.open_view(spec(VECTORS, kinds.vector.fingerprint)))
        words = await stack.enter_async_context(kinds.lexical.open_view(spec(WORDS, kinds.lexical.fingerprint)))
        seen = await store.followers(collection.key)

        def follower(name: str, view: View, *, texts: bool, vectors: str | None) -> Follower:
            return Follower(
                name,
                view,
                store,
                collection.key,
                generation.number,
                settings,
                texts=texts,
                vectors=vectors,
                clock=clock,
                instance=instance,
                head=collection.head,
                had=seen.get(noted_as(name, generation.number, instance), NO_POSITION),
            )

        followers = {
            VECTORS: follower(VECTORS, vectors, texts=False, vectors=generation.generation.embedder),
            WORDS: follower(WORDS, words, texts=True, vectors=None),
        }
        for each in followers.values():
            await stack.enter_async_context(each.running())
        stack.push_async_callback(_flush, collection.key, vectors, words)
        index = CollectionIndex(vectors, words, followers, collection.key, generation)
        index.nudge()
        yield index


async def _flush(collection: CollectionKey, vectors: VectorView, words: LexicalView) -> None:
    """Make the next start quick; what cannot be written now is followed again then."""
    for view in (vectors, words):
        try:
            await view.flush()
        except (RagstoneError, OSError) as error:
            logger.warning("a view of collection %d could not be flushed: %s", collection, error)


def remove_files(directory: Path) -> None:
    """Forget views. What cannot be removed now is tried again at the next start."""
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        logger.warning("views that are of no use any more could not be removed from %s: %s", directory, error)
