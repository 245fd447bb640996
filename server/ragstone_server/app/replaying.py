"""The event of a dead letter, applied again outside of its source."""

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.catalog.writes import WriteReceipt
from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.pipelines.dead_letters import Replay
from ragstone_server.pipelines.document_events import DeleteEvent, DocumentChange, ReferenceEvent, UpsertEvent
from ragstone_server.spi.catalog_store import VersionScheme
from ragstone_server.spi.errors import VersionStale
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.sources import DeadLetter, NewDeadLetter
from ragstone_server.transport.convert.events import decode


def replaying(catalog: Catalog, events: ApplyEvents) -> Replay:
    """Decode as the source would, and apply. Fits `pipelines.dead_letters.Replay`."""

    async def replay(dead: DeadLetter, force: bool) -> WriteReceipt:
        letter = dead.letter
        bound = CollectionName.parse(letter.bound) if letter.bound else None
        milliseconds = int(letter.event_time.timestamp() * 1000)
        event = decode(letter.key, letter.value, letter.headers, milliseconds, bound)
        if not force:
            await _check_not_overtaken(catalog, event, letter)
        return await events(event)

    return replay


async def _check_not_overtaken(catalog: Catalog, event: DocumentChange, letter: NewDeadLetter) -> None:
    """Without a version nothing else keeps an old event from becoming the newest. Raises `VersionStale`."""
    collection = await catalog.collection(event.name.collection)
    if _version(event) is not None or collection.settings.version_scheme is VersionScheme.EVENT_TIME:
        return
    document = event.name.document
    stored = (await catalog.store.versions(collection.key, [document])).get(document)
    record = await catalog.store.document(collection.key, document)
    if (record is not None and record.updated > letter.failed) or (stored is not None and stored.deleted):
        raise VersionStale(
            f"the event has no version, and {document!r} was written or deleted since it failed; replay it with force "
            "to make it the newest version, or discard it",
            metadata={"version": "", "stored_version": str(stored.version if stored else "")},
        )


def _version(event: DocumentChange) -> int | None:
    match event:
        case UpsertEvent():
            return event.upload.version
        case ReferenceEvent():
            return event.without_content.version
        case DeleteEvent():
            return event.version
        case _:
            return None
