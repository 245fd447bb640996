"""Builds the next generation of a collection's index beside the live one, from what the catalog has; resumable."""

import json
from dataclasses import asdict, dataclass

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.indexing.together import together
from ragstone_server.operations.kinds import OperationKind, Run, Values
from ragstone_server.pipelines.cutting import Cut, Cutter
from ragstone_server.pipelines.outlines import parsed_again
from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    Generation,
    GenerationNumber,
    GenerationRecord,
    GenerationState,
    UncutContent,
    VectorsMissing,
)
from ragstone_server.spi.errors import CollectionNotFound, GenerationNotReady
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.generation_stages import GenerationOpener, GenerationStages
from ragstone_server.spi.generations import Recipe, StageChoice
from ragstone_server.spi.names import CollectionName, DocumentName
from ragstone_server.spi.operations import NewOperation
from ragstone_server.spi.positions import DocumentKey

REINDEX = "reindex"
AT_ONCE = 16
"""Documents that are cut and embedded, and written in one transaction: so many are done again at most after a crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReindexRequest:
    """The generation to build."""

    collection: CollectionName
    embedder: StageChoice | None
    """None: what the server's configuration selects; likewise the chunker."""
    chunker: StageChoice | None


@dataclass(slots=True)
class _Progress:
    generation: int = 0
    """0: it is not begun."""
    after: int = 0
    """Key of the last document that is done."""
    done: int = 0
    """Documents that were looked at."""
    total: int = 0
    """Documents when it began."""
    passages: int = 0
    embedded: int = 0
    """Texts of passages, of those whose vectors were not there."""


class Reindex:
    """From the commit that creates the generation every write is in it, so only what was there before is left to do.

    Each content is written where it is still the present one of its document and has no passages of the generation yet; so
    whatever is done twice has its effect once.
    """

    def __init__(self, catalog: Catalog, indexes: Indexes, generations: GenerationOpener, cut: Cutter) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._generations = generations
        self._cut = cut

    @property
    def kind(self) -> OperationKind:
        """For the runner."""
        return OperationKind(name=REINDEX, work=self)

    async def asked(self, request: ReindexRequest) -> NewOperation:
        """The operation to begin. Raises `CollectionNotFound`, `InvalidRequest`, `GenerationNotReady`."""
        collection = await self._catalog.collection(request.collection)
        selected = self._generations.recipe
        recipe = Recipe(embedder=request.embedder or selected.embedder, chunker=request.chunker or selected.chunker)
        stages = await self._generations.by_recipe(recipe)
        _begun(collection, stages.generation)
        parameters = {"collection": str(collection.name), "key": collection.key, "recipe": asdict(recipe)}
        return NewOperation(kind=REINDEX, parameters=json.dumps(parameters), collection=str(collection.name))

    async def __call__(self, run: Run) -> Values:
        """A page of documents is a step."""
        chosen = run.parameters["recipe"]
        recipe = Recipe(embedder=StageChoice(**chosen["embedder"]), chunker=StageChoice(**chosen["chunker"]))
        stages = await self._generations.by_recipe(recipe)
        collection = await self._collection(run.parameters)
        progress = _Progress(**dict(run.progress))
        if not progress.generation:
            progress.generation = await self._begin(collection, recipe, stages)
            progress.total = await self._catalog.store.document_count(collection.key)
            await run.step(asdict(progress))
        number = GenerationNumber(progress.generation)
        while page := await self._catalog.store.uncut(collection.key, number, DocumentKey(progress.after), AT_ONCE):
            await self._fill(collection, number, stages, page, progress)
            await run.step(asdict(progress))
        await self._complete(collection, number)
        # What was written and not noted before a crash was not counted, and neither were documents that came meanwhile.
        progress.done = await self._catalog.store.document_count(collection.key)
        await run.step(asdict(progress))
        counts = ("generation", "done", "passages", "embedded")
        return {"collection": str(collection.name)} | {key: run.progress[key] for key in counts}

    async def _begin(self, collection: CollectionRecord, recipe: Recipe, stages: GenerationStages) -> GenerationNumber:
        """Create the generation, or go on with one that was begun by the same stages. Raises `GenerationNotReady`."""
        async with self._catalog.store.transaction(collection.key) as transaction:
            begun = _begun(transaction.collection, stages.generation)
            if begun is not None:
                return begun.number
            now = self._catalog.clock.now()
            number = await transaction.add_generation(stages.generation, recipe, GenerationState.BUILDING, now)
        reach(FailPoint.GENERATION_AFTER_BEGIN)
        return number

    async def _fill(
        self,
        collection: CollectionRecord,
        number: GenerationNumber,
        stages: GenerationStages,
        page: tuple[UncutContent, ...],
        progress: _Progress,
    ) -> None:
        cuts = await together(*(self._cut_again(collection, content, stages) for content in page))
        reach(FailPoint.GENERATION_BEFORE_CUTS)
        try:
            async with self._catalog.store.transaction(collection.key) as transaction:
                for content, cut in zip(page, cuts, strict=True):
                    if await transaction.put_cut(content.content_key, number, cut.new):
                        progress.passages += len(cut.new.passages)
                        progress.embedded += cut.embedded
        except VectorsMissing:
            return  # A document that had a text, too, went meanwhile: the page is looked at again, and the text embedded.
        progress.done += len(page)
        progress.after = page[-1].document_key

    async def _cut_again(self, collection: CollectionRecord, content: UncutContent, stages: GenerationStages) -> Cut:
        name = DocumentName(collection=collection.name, document=content.document)
        parsed = parsed_again(content.text, content.outline, content.pages)
        return await self._cut(name, content.title, parsed, content.content_hash, stages)

    async def _complete(self, collection: CollectionRecord, number: GenerationNumber) -> None:
        reach(FailPoint.GENERATION_BEFORE_READY)
        async with self._catalog.store.transaction(collection.key) as transaction:
            if transaction.collection.generation(number).state is GenerationState.BUILDING:
                now = self._catalog.clock.now()
                await transaction.set_generation_state(number, GenerationState.READY, now)
        self._indexes.follow(collection)

    async def _collection(self, parameters: Values) -> CollectionRecord:
        name = CollectionName.parse(parameters["collection"])
        collection = await self._catalog.collection(name)
        if collection.key != parameters["key"]:
            raise CollectionNotFound(
                f"the collection {name} was deleted, and made anew, while it was reindexed",
                metadata={"collection": str(name)},
            )
        return collection


def _begun(collection: CollectionRecord, wanted: Generation) -> GenerationRecord | None:
    """The generation that is to be gone on with; None: a further one is to be made. Raises `GenerationNotReady`."""
    if collection.live is None:
        raise GenerationNotReady(
            f"{collection.name} has no documents yet; its first generation is made by the server's configuration",
            metadata={"state": ""},
        )
    for each in collection.generations:
        if each.generation == wanted and each.state is not GenerationState.BUILDING:
            what = "is live" if each.state is GenerationState.LIVE else f"is {each.state}: activate it"
            raise GenerationNotReady(
                f"generation {each.number} of {collection.name} was made so, and {what}", metadata={"state": each.state}
            )
        if each.generation != wanted and each.state is GenerationState.BUILDING:
            raise GenerationNotReady(
                f"generation {each.number} of {collection.name} is being built; wait for it, begin it again, or delete it",
                metadata={"state": each.state},
            )
    return next((each for each in collection.generations if each.generation == wanted), None)
