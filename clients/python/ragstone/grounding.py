"""How well passages support a text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ragstone.passages import Degraded, degraded_from
from ragstone.requests import collection_name
from ragstone.v1 import query_service_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedSentence:
    """One sentence, and its support."""

    text: str
    range: tuple[int, int]
    """Its part of the text, in bytes of UTF-8."""
    score: float
    """0: no passage has anything of it; 1: it is there as it stands."""
    supported: bool
    passage: int | None
    """Number of the passage that supports it best, counted from 1."""
    cited: tuple[int, ...]
    """Numbers of its markers that name passages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounding:
    """Every sentence of a text."""

    sentences: tuple[GroundedSentence, ...]
    supported_share: float
    """Of the sentences; 1 where there are none."""
    min_score: float
    """From this score on, a sentence is supported."""
    degraded: tuple[Degraded, ...] = ()


def grounding_request(text: str, passages: Sequence[str], collection: str) -> query_service_pb2.CheckGroundingRequest:
    """The request."""
    return query_service_pb2.CheckGroundingRequest(collection=collection_name(collection), text=text, passages=passages)


def grounding_from(text: str, response: query_service_pb2.CheckGroundingResponse) -> Grounding:
    """The answer to it."""
    return Grounding(
        sentences=_sentences(text, response.sentences),
        supported_share=response.supported_share,
        min_score=response.min_score,
        degraded=tuple(degraded_from(degraded) for degraded in response.degraded),
    )


def answer_grounding_from(wire: query_service_pb2.Completed) -> Grounding | None:
    """How well the evidence supports an answer; None where it was not judged."""
    if not wire.HasField("grounding"):
        return None
    return Grounding(
        sentences=_sentences(wire.answer.text, wire.grounding.sentences),
        supported_share=wire.grounding.supported_share,
        min_score=wire.grounding.min_score,
    )


def _sentences(text: str, wire: Iterable[query_service_pb2.GroundedSentence]) -> tuple[GroundedSentence, ...]:
    data = text.encode()
    return tuple(
        GroundedSentence(
            text=data[each.range.start : each.range.end].decode(),
            range=(each.range.start, each.range.end),
            score=each.score,
            supported=each.supported,
            passage=each.passage or None,
            cited=tuple(each.cited),
        )
        for each in wire
    )
