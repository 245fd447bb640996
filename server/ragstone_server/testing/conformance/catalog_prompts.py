"""The part of the catalog store's suite about prompt templates."""

import asyncio

import pytest

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.errors import CollectionNotFound, PromptNotFound
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.prompts import (
    BUILT_IN,
    ActivationKind,
    PromptActivation,
    PromptDraft,
    PromptTemplate,
    PromptVersion,
)
from ragstone_server.testing.conformance.catalog_samples import LATER, NOW, SETTINGS, name, put

ANNA, BO = "user:anna", "user:bo"


def draft(words: str) -> PromptDraft:
    """A template of these words."""
    return PromptDraft(system=f"{words}\n\n{{{{ ä }}}}", user="{{ evidence }}", description=f"About {words}.")


async def versions(store: CatalogStore, collection: CollectionRecord) -> list[int]:
    """What the history says, the oldest first."""
    return [row.version for row in reversed(await store.prompts.activations(collection.key, None, 100))]


class PromptTests:
    """Creating, reading, activating and rolling back templates."""

    async def test_versions_are_counted_from_1(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """And each collection has its own."""
        first = await store.prompts.create(collection.key, draft("one"), ANNA, NOW)
        second = await store.prompts.create(collection.key, draft("two"), BO, LATER)
        assert first == PromptTemplate(version=PromptVersion(1), draft=draft("one"), author=ANNA, created=NOW)
        assert second == PromptTemplate(version=PromptVersion(2), draft=draft("two"), author=BO, created=LATER)
        assert await store.prompts.template(collection.key, PromptVersion(1)) == first
        assert await store.prompts.template(collection.key, PromptVersion(3)) is None
        assert await store.prompts.template(collection.key, BUILT_IN) is None
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        assert await store.prompts.templates(other.key, BUILT_IN, 10) == ()
        assert (await store.prompts.create(other.key, draft("one"), ANNA, NOW)).version == 1

    async def test_versions_come_in_pages(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """In ascending order."""
        made = [await store.prompts.create(collection.key, draft(str(i)), ANNA, NOW) for i in range(5)]
        assert await store.prompts.templates(collection.key, BUILT_IN, 2) == tuple(made[:2])
        assert await store.prompts.templates(collection.key, PromptVersion(2), 10) == tuple(made[2:])
        assert await store.prompts.templates(collection.key, PromptVersion(5), 10) == ()

    async def test_creations_at_once_get_a_version_each(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """None is lost, none has a gap."""
        made = await asyncio.gather(*(store.prompts.create(collection.key, draft(str(i)), ANNA, NOW) for i in range(8)))
        assert sorted(each.version for each in made) == list(range(1, 9))

    async def test_none_is_in_use_until_it_is_activated(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """Creating is not enough."""
        first = await store.prompts.create(collection.key, draft("one"), ANNA, NOW)
        assert await store.prompts.active(collection.key) is None
        assert await store.prompts.activations(collection.key, None, 10) == ()
        activation = await store.prompts.activate(collection.key, first.version, BO, LATER)
        assert activation == PromptActivation(
            number=1, version=first.version, kind=ActivationKind.ACTIVATED, author=BO, at=LATER
        )
        assert await store.prompts.active(collection.key) == first
        assert await store.prompts.activations(collection.key, None, 10) == (activation,)

    async def test_activating_what_is_in_use_writes_nothing(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """Not twice in the history, so that a rollback changes something."""
        assert await store.prompts.activate(collection.key, BUILT_IN, ANNA, NOW) is None
        first = await store.prompts.create(collection.key, draft("one"), ANNA, NOW)
        await store.prompts.activate(collection.key, first.version, ANNA, NOW)
        assert await store.prompts.activate(collection.key, first.version, ANNA, NOW) is None
        assert await versions(store, collection) == [1]

    async def test_an_unknown_version_is_not_activated(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """One of another collection neither."""
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        await store.prompts.create(other.key, draft("one"), ANNA, NOW)
        for version in (1, -1):
            with pytest.raises(PromptNotFound):
                await store.prompts.activate(collection.key, PromptVersion(version), ANNA, NOW)
        assert await versions(store, collection) == []

    async def test_each_rollback_undoes_one_activation_more(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """As far as the built-in template; then there is nothing to undo."""
        for words in ("one", "two", "three"):
            await store.prompts.create(collection.key, draft(words), ANNA, NOW)
        for version in (1, 3, 2):
            await store.prompts.activate(collection.key, PromptVersion(version), ANNA, NOW)
        rolled = await store.prompts.roll_back(collection.key, BO, LATER)
        assert rolled == PromptActivation(
            number=4, version=PromptVersion(3), kind=ActivationKind.ROLLED_BACK, author=BO, at=LATER
        )
        active = await store.prompts.active(collection.key)
        assert active is not None
        assert active.version == 3
        await store.prompts.roll_back(collection.key, BO, LATER)
        await store.prompts.roll_back(collection.key, BO, LATER)
        assert await store.prompts.active(collection.key) is None
        assert await store.prompts.roll_back(collection.key, BO, LATER) is None
        assert await versions(store, collection) == [1, 3, 2, 3, 1, 0]

    async def test_after_a_rollback_an_activation_goes_on_from_there(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """What was rolled back does not come back."""
        for words in ("one", "two", "three"):
            await store.prompts.create(collection.key, draft(words), ANNA, NOW)
        await store.prompts.activate(collection.key, PromptVersion(1), ANNA, NOW)
        await store.prompts.activate(collection.key, PromptVersion(2), ANNA, NOW)
        await store.prompts.roll_back(collection.key, ANNA, NOW)
        await store.prompts.activate(collection.key, PromptVersion(3), ANNA, NOW)
        await store.prompts.activate(collection.key, BUILT_IN, ANNA, NOW)
        assert await store.prompts.active(collection.key) is None
        for _ in range(3):
            assert await store.prompts.roll_back(collection.key, ANNA, NOW) is not None
        assert await store.prompts.roll_back(collection.key, ANNA, NOW) is None
        assert await versions(store, collection) == [1, 2, 1, 3, 0, 3, 1, 0]

    async def test_the_history_comes_in_pages(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """The latest first."""
        await store.prompts.create(collection.key, draft("one"), ANNA, NOW)
        for version in (1, 0, 1, 0, 1):
            await store.prompts.activate(collection.key, PromptVersion(version), ANNA, NOW)
        assert [row.number for row in await store.prompts.activations(collection.key, None, 2)] == [5, 4]
        assert [row.number for row in await store.prompts.activations(collection.key, 4, 10)] == [3, 2, 1]

    async def test_of_a_collection_that_is_not_there_nothing_is_read_or_written(self, store: CatalogStore) -> None:
        """Reads are empty, writes are refused."""
        unknown = CollectionKey(999)
        assert await store.prompts.template(unknown, PromptVersion(1)) is None
        assert await store.prompts.templates(unknown, BUILT_IN, 10) == ()
        assert await store.prompts.active(unknown) is None
        assert await store.prompts.activations(unknown, None, 10) == ()
        with pytest.raises(CollectionNotFound):
            await store.prompts.create(unknown, draft("one"), ANNA, NOW)
        with pytest.raises(CollectionNotFound):
            await store.prompts.activate(unknown, BUILT_IN, ANNA, NOW)
        with pytest.raises(CollectionNotFound):
            await store.prompts.roll_back(unknown, ANNA, NOW)

    async def test_p9_templates_go_with_their_collection(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """They are settings, no content: an empty collection with templates is empty."""
        await put(store, collection.key, "a", "ferry")
        await store.prompts.create(collection.key, draft("one"), ANNA, NOW)
        await store.prompts.activate(collection.key, PromptVersion(1), ANNA, NOW)
        await store.delete_collection(collection.key, force=True)
        assert await store.prompts.templates(collection.key, BUILT_IN, 10) == ()
        assert await store.prompts.active(collection.key) is None
        assert await store.prompts.activations(collection.key, None, 10) == ()
        again = await store.create_collection(collection.name, SETTINGS, LATER)
        assert await store.prompts.active(again.key) is None
        assert (await store.prompts.create(again.key, draft("two"), ANNA, NOW)).version == 1
