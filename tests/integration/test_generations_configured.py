"""A server whose configuration changes: its collections go on as they were made, until they are reindexed."""

from pathlib import Path

from tests.generations import COLLECTION, SHORT, cut, fill, note, reindexed, states
from tests.served import Served

SETTINGS = {f"RAGSTONE__CHUNKER__{key.upper()}": str(value) for key, value in SHORT.items()}


def test_another_configuration_changes_nothing_until_it_is_asked_to(tmp_path: Path) -> None:
    """Documents are cut as those before them were; a reindex without more takes what the configuration selects."""
    with Served(tmp_path / "data") as server:
        with server.client() as client:
            fill(client)
            client.upsert_document("same", text=note(1), collection=COLLECTION)
            before = cut(client)
            (first,) = client.admin.generations.list(collection=COLLECTION)
        server.terminate()
        server.start(**SETTINGS)
        with server.client() as client:
            assert cut(client) == before
            client.upsert_document("new", text=note(1), collection=COLLECTION)
            (still,) = client.admin.generations.list(collection=COLLECTION)
            assert still == first
            assert len(cut(client) - before) == len(passages(server, "same"))
            client.admin.create_collection("other")
            client.upsert_document("same", text=note(1), collection="other")
            assert len(passages(server, "same", "other")) > len(passages(server, "same"))

            number = reindexed(client, chunker=None)
            client.admin.generations.activate(number, collection=COLLECTION)
            assert len(passages(server, "same")) == len(passages(server, "same", "other"))
            short = cut(client)
        server.terminate()
        server.start()
        with server.client() as client:
            assert cut(client) == short, "what is live is what was activated, whatever the configuration says"
            assert states(client) == {1: "former", 2: "live"}
            client.admin.generations.roll_back(collection=COLLECTION)
            assert cut(client) > before


def passages(server: Served, document: str, collection: str = COLLECTION) -> set[str]:
    """Ids of a document's passages."""
    with server.client() as client:
        written = client.admin.get_collection(collection).watermark
        found = client.retrieve("harbour boats", collection=collection, top_k=1000, min_watermark=written)
        return {each.chunk for each in found if each.document == document}
