"""Recorded questions in memory; part of `MemoryCatalogStore`."""

from collections import defaultdict
from collections.abc import Container, Sequence

from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.questions import AskedQuestion, RecordedQuestion, merged


class MemoryQuestionStore:
    """Fits `QuestionStore`. Nothing waits within a method, so each is a transaction."""

    def __init__(self, collections: Container[CollectionKey]) -> None:
        self._collections = collections
        self._kept: defaultdict[CollectionKey, dict[bytes, AskedQuestion]] = defaultdict(dict)

    async def record(self, questions: Sequence[AskedQuestion], keep: int, /) -> None:
        """Keep the latest."""
        for each in questions:
            if each.collection in self._collections:
                kept = self._kept[each.collection]
                former = [kept[each.hash]] if each.hash in kept else []
                kept[each.hash] = merged([*former, each])[0]
        for collection in {each.collection for each in questions} & self._kept.keys():
            latest = self._latest(collection)[:keep]
            self._kept[collection] = {each.hash: each for each in latest}

    async def questions(self, collection: CollectionKey, limit: int, /) -> tuple[RecordedQuestion, ...]:
        """The latest first."""
        if collection not in self._collections:
            return ()
        return tuple(
            RecordedQuestion(text=each.text, asked=each.asked, times=each.times)
            for each in self._latest(collection)[:limit]
        )

    async def purge(self, collection: CollectionKey, /) -> int:
        """Delete all."""
        return len(self._kept.pop(collection, {}))

    def _latest(self, collection: CollectionKey) -> list[AskedQuestion]:
        by_hash = sorted(self._kept[collection].values(), key=lambda each: each.hash)
        return sorted(by_hash, key=lambda each: each.asked, reverse=True)
