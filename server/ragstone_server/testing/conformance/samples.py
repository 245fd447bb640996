"""Values that the suites of the stages between retrieval and answer share."""

from collections.abc import Mapping

from ragstone_server.spi.context import Caller, RequestContext
from ragstone_server.spi.evidence import Passage, ScoredPassage
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.names import DEFAULT_COLLECTION, DEFAULT_TENANT, CollectionName, DocumentId
from ragstone_server.spi.positions import ContentKey, DocumentKey, PassageKey
from ragstone_server.spi.ranges import ByteRange

CONTEXT = RequestContext(
    request_id="sample",
    caller=Caller(principal="user:ada"),
    collection=CollectionName(tenant=DEFAULT_TENANT, collection=DEFAULT_COLLECTION),
)


def scored(
    key: int,
    text: str,
    *,
    score: float = 0.5,
    scores: Mapping[str, float] | None = None,
    document: int | None = None,
    version: int = 1,
    headings: tuple[str, ...] = (),
) -> ScoredPassage:
    """A passage of a document of its own unless told; each version of a document is a content of its own."""
    document = key if document is None else document
    return ScoredPassage(
        passage=Passage(
            key=PassageKey(key),
            passage_id=f"p{key}",
            document=DocumentId(f"document-{document}"),
            document_key=DocumentKey(document),
            content_key=ContentKey(document * 1000 + version),
            generation=FIRST,
            ordinal=0,
            version=version,
            title=f"Document {document}",
            uri="",
            page=None,
            headings=headings,
            range=ByteRange(start=0, end=len(text.encode())),
            text=text,
            metadata={},
        ),
        score=score,
        scores={"dense": score, "fused": score} if scores is None else scores,
    )
