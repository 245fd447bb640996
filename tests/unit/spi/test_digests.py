import numpy as np

from ragstone_server.spi.digests import attributes_digest, group_digests, text_digest
from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.visibility import Attributes

RED = Attributes(metadata={"colour": "red", "size": 1.0}, readers=None)
CREW = Attributes(metadata={"colour": "red", "size": 1.0}, readers=frozenset({"group:crew", "group:port"}))


def test_equal_attributes_have_equal_digests() -> None:
    assert attributes_digest(RED) == attributes_digest(
        Attributes(metadata={"size": 1.0, "colour": "red"}, readers=None)
    )
    others = [
        CREW,
        Attributes(metadata=RED.metadata, readers=frozenset()),
        Attributes(metadata={"colour": "red", "size": True}, readers=None),
        Attributes(metadata={"colour": ("red",), "size": 1.0}, readers=None),
    ]
    assert len({attributes_digest(each) for each in [RED, *others]}) == 5


def test_rows_have_the_digest_of_their_group() -> None:
    groups = RowGroups()
    numbers = np.array([groups.number(CREW), groups.number(RED), groups.number(CREW)], dtype=np.int64)
    assert group_digests(groups, numbers).tolist() == [attributes_digest(each) for each in (CREW, RED, CREW)]
    assert group_digests(groups, numbers[:0]).dtype == np.uint32
    assert group_digests(groups, np.array([7, 0], dtype=np.int64)).tolist() == [0, attributes_digest(CREW)]


def test_text_and_language_are_in_the_digest_of_a_text() -> None:
    assert len({text_digest(language, text) for language in (None, "de", "en") for text in ("a", "b", "\ud800")}) == 9
