"""Which document the key of a record names, in a topic of one collection and of many."""

import pytest
from hypothesis import given, settings

from ragstone_server.pipelines.document_events import (
    TombstoneEvent,
)
from ragstone_server.spi.errors import InvalidEvent
from ragstone_server.spi.names import CollectionName, DocumentName
from ragstone_server.transport.convert.event_keys import key_of
from ragstone_server.transport.convert.events import decode
from tests.unit.transport.records import CREW, document, names, said


def test_an_event_of_a_bound_topic_need_not_name_the_collection() -> None:
    for event in ({}, {"collection": "crew"}, {"tenant": "acme"}, {"tenant": "acme", "collection": "crew"}):
        found = said({**event, "document": "d", "delete": {}}, bound=CREW)
        assert found.name == document("d", CREW)


@pytest.mark.parametrize("event", [{"collection": "default"}, {"tenant": "other"}])
def test_it_names_no_other_collection(event: dict[str, str]) -> None:
    with pytest.raises(InvalidEvent, match=r"the topic is bound to tenants/acme/collections/crew, and the event names"):
        said({**event, "document": "d", "delete": {}}, bound=CREW)


@pytest.mark.parametrize(
    ("key", "bound"),
    [
        (None, None),
        (b"crew/a/b", None),
        (b"default:crew/a/b", None),
        (b"customer-7", None),
        (b"a", None),
        (b"\xff/\xfe", None),
        (b"Customer/7", None),
        (b"7/", None),
        (b"crew/a/b", CollectionName.parse("tenants/default/collections/crew")),
        (b"a/b", CollectionName.parse("tenants/default/collections/crew")),
        (b"other/c", CollectionName.parse("tenants/default/collections/crew")),
    ],
)
def test_a_key_that_names_the_document_or_none_is_fine(key: bytes | None, bound: CollectionName | None) -> None:
    assert said({"collection": "crew", "document": "a/b", "delete": {}}, key, bound)


@pytest.mark.parametrize(
    ("key", "bound"),
    [
        (b"crew/a", None),
        (b"default/a/b", None),
        (b"acme:crew/a/b", None),
        (b"a/b", None),
        (b"crew/a", CollectionName.parse("tenants/default/collections/crew")),
        (b"default:crew/a", CollectionName.parse("tenants/default/collections/crew")),
    ],
)
def test_a_key_that_names_another_document_is_refused(key: bytes, bound: CollectionName | None) -> None:
    with pytest.raises(InvalidEvent, match=r"stay in order: key this one 'crew/a/b'") as caught:
        said({"collection": "crew", "document": "a/b", "delete": {}}, key, bound)
    assert caught.value.metadata == {"field": "key"}


@pytest.mark.parametrize(
    ("key", "bound", "name"),
    [
        ("default/doc-1", None, document("doc-1")),
        ("default/a/b:c", None, document("a/b:c")),
        ("acme:crew/ü", None, document("ü", CREW)),
        ("doc-1", CREW, document("doc-1", CREW)),
        ("crew/doc-1", CREW, document("doc-1", CREW)),
        ("acme:crew/doc-1", CREW, document("doc-1", CREW)),
        ("crew/crew/doc-1", CREW, document("crew/doc-1", CREW)),
        ("default/doc-1", CREW, document("default/doc-1", CREW)),
        ("default:crew/doc-1", CREW, document("default:crew/doc-1", CREW)),
    ],
)
def test_a_null_value_deletes_the_document_of_its_key(
    key: str, bound: CollectionName | None, name: DocumentName
) -> None:
    assert decode(key.encode(), None, [], 5, bound) == TombstoneEvent(name=name)


@pytest.mark.parametrize(
    ("key", "bound"),
    [(None, None), (None, CREW), (b"doc-1", None), (b"", CREW), (b"\xff", CREW), (b"a\n", CREW), (b"x" * 513, CREW)],
)
def test_a_null_value_whose_key_names_no_document_is_refused(key: bytes | None, bound: CollectionName | None) -> None:
    with pytest.raises(InvalidEvent, match="as the key, in UTF-8") as caught:
        decode(key, None, [], 5, bound)
    assert caught.value.metadata == {"field": "key"}


@settings(deadline=None)  # two cores, shared
@given(names)
def test_a_key_gives_back_its_document_in_any_topic(name: DocumentName) -> None:
    key = key_of(name).encode()
    assert decode(key, None, [], 5) == decode(key, None, [], 5, name.collection) == TombstoneEvent(name=name)
