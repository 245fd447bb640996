"""Which passages are of a version that another one in the request supersedes."""

from collections.abc import Sequence

from ragstone_server.spi.evidence import Passage, ScoredPassage
from ragstone_server.spi.positions import ContentKey, DocumentKey


def superseded(passages: Sequence[ScoredPassage]) -> frozenset[int]:
    """Indexes of the passages whose document is there in a newer version with another text."""
    newest: dict[DocumentKey, Passage] = {}
    for scored in passages:
        passage = scored.passage
        known = newest.setdefault(passage.document_key, passage)
        if _age(passage) > _age(known):
            newest[passage.document_key] = passage
    return frozenset(
        index
        for index, scored in enumerate(passages)
        if scored.passage.version < newest[scored.passage.document_key].version
        and scored.passage.content_key != newest[scored.passage.document_key].content_key
    )


def _age(passage: Passage) -> tuple[int, ContentKey]:
    return passage.version, passage.content_key
