"""The rules of prompt templates: what may be stored, which one is in use, what changed between two."""

from collections.abc import Iterator
from dataclasses import replace
from difflib import unified_diff

from ragstone_server.catalog.prompt_builtin import BUILT_IN_TEMPLATE, NO_ANSWER_MARK
from ragstone_server.catalog.prompt_language import SYSTEM, USER, Variables, check, invalid, normalised, render
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import PromptNotFound
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.prompts import (
    BUILT_IN,
    PromptActivation,
    PromptDraft,
    PromptName,
    PromptTemplate,
    PromptVersion,
)

_SAMPLE: Variables = {
    "system": "You answer questions.",
    "preamble": "",
    "language": "English",
    "style": "brief",
    "collection": "sample",
    "passage_count": 2,
    "no_answer": NO_ANSWER_MARK,
    "evidence": "~~~~ [1] Sample\nThe ferry leaves at nine.\n~~~~",
    "question": "When does the ferry leave?",
}
_SAMPLES = (_SAMPLE, {**_SAMPLE, "preamble": "Fares are in euros.", "passage_count": 0})


class Prompts:
    """Templates of the collections, over a store."""

    def __init__(self, store: CatalogStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(self, collection: CollectionName, draft: PromptDraft, author: str) -> PromptTemplate:
        """Store the next version; a message that is left empty is taken from the built-in template, as it is now.

        Raises `PromptInvalid`, `CollectionNotFound`.
        """
        built_in = BUILT_IN_TEMPLATE.draft
        draft = replace(
            draft, system=normalised(draft.system) or built_in.system, user=normalised(draft.user) or built_in.user
        )
        check_draft(draft)
        record = await self._store.collection(collection)
        return await self._store.prompts.create(record.key, draft, author, self._clock.now())

    async def template(self, name: PromptName) -> PromptTemplate:
        """One version. Raises `CollectionNotFound`, `PromptNotFound`."""
        record = await self._store.collection(name.collection)
        return await self._template(record.key, name)

    async def templates(
        self, collection: CollectionName, after: PromptVersion, limit: int
    ) -> tuple[PromptTemplate, ...]:
        """Versions in ascending order, those after `after`; the built-in one is not among them. Raises `CollectionNotFound`."""
        record = await self._store.collection(collection)
        return await self._store.prompts.templates(record.key, after, limit)

    async def active(self, collection: CollectionKey) -> PromptTemplate | None:
        """What to render questions with; None: the built-in one."""
        return await self._store.prompts.active(collection)

    async def in_use(self, collection: CollectionName) -> PromptVersion:
        """The version in use. Raises `CollectionNotFound`."""
        active = await self.active((await self._store.collection(collection)).key)
        return BUILT_IN if active is None else active.version

    async def activate(self, name: PromptName, author: str) -> None:
        """Put a version into use, from the next question on. Raises `CollectionNotFound`, `PromptNotFound`."""
        record = await self._store.collection(name.collection)
        try:
            await self._store.prompts.activate(record.key, name.version, author, self._clock.now())
        except PromptNotFound:
            raise _not_found(name) from None

    async def roll_back(self, collection: CollectionName, author: str) -> PromptActivation:
        """Put into use what was so before. Raises `CollectionNotFound`, and `PromptNotFound` where nothing is left to undo."""
        record = await self._store.collection(collection)
        done = await self._store.prompts.roll_back(record.key, author, self._clock.now())
        if done is None:
            raise PromptNotFound(
                f"no activation of a prompt is left to roll back in {collection}", metadata={"prompt": str(collection)}
            )
        return done

    async def activations(
        self, collection: CollectionName, before: int | None, limit: int
    ) -> tuple[PromptActivation, ...]:
        """The history, the latest first. Raises `CollectionNotFound`."""
        record = await self._store.collection(collection)
        return await self._store.prompts.activations(record.key, before, limit)

    async def diff(self, former: PromptName, latter: PromptVersion | None) -> str:
        """What changes from one version to another (None: to the one in use), as a unified diff; empty where nothing does.

        Raises `CollectionNotFound`, `PromptNotFound`.
        """
        record = await self._store.collection(former.collection)
        old = await self._template(record.key, former)
        if latter is None:
            new = await self.active(record.key) or BUILT_IN_TEMPLATE
        else:
            new = await self._template(record.key, replace(former, version=latter))
        return "".join((*_differing(SYSTEM, old, new), *_differing(USER, old, new)))

    async def _template(self, key: CollectionKey, name: PromptName) -> PromptTemplate:
        if name.version == BUILT_IN:
            return BUILT_IN_TEMPLATE
        template = await self._store.prompts.template(key, name.version)
        if template is None:
            raise _not_found(name)
        return template


def check_draft(draft: PromptDraft) -> None:
    """Raise `PromptInvalid` for a template that is not of the language, or leaves out what every answer needs."""
    sources = {SYSTEM: draft.system, USER: draft.user}
    for field, source in sources.items():
        check(field, source)
    for sample in _SAMPLES:
        system, user = (render(field, source, sample) for field, source in sources.items())
        for variable in ("evidence", "question"):
            if str(sample[variable]) not in user:
                raise invalid(USER, f"leaves out {{{{ {variable} }}}}, which every answer needs")
        if NO_ANSWER_MARK not in system + user:
            raise invalid(SYSTEM, "leaves out {{ no_answer }}: what to write where the passages do not answer")


def _differing(field: str, old: PromptTemplate, new: PromptTemplate) -> Iterator[str]:
    before, after = (getattr(each.draft, field).rstrip("\n") + "\n" for each in (old, new))
    return unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"{old.version}/{field}",
        f"{new.version}/{field}",
    )


def _not_found(name: PromptName) -> PromptNotFound:
    return PromptNotFound(f"there is no prompt {name}", metadata={"prompt": str(name)})
