"""Grounding checks, on their way in and out."""

from ragstone.v1 import query_service_pb2
from ragstone_server.pipelines.judgement import GroundedSentence, Grounding
from ragstone_server.transport.convert.parts import degraded_to, range_to


def grounding_to(grounding: Grounding) -> query_service_pb2.CheckGroundingResponse:
    """What the check found."""
    return query_service_pb2.CheckGroundingResponse(
        sentences=[_sentence(each) for each in grounding.sentences],
        supported_share=grounding.share,
        min_score=grounding.min_score,
        degraded=[] if grounding.degradation is None else [degraded_to(grounding.degradation)],
    )


def answer_grounding_to(grounding: Grounding) -> query_service_pb2.AnswerGrounding:
    """What the check found of an answer."""
    return query_service_pb2.AnswerGrounding(
        sentences=[_sentence(each) for each in grounding.sentences],
        supported_share=grounding.share,
        min_score=grounding.min_score,
    )


def _sentence(grounded: GroundedSentence) -> query_service_pb2.GroundedSentence:
    passage = grounded.support.passage
    return query_service_pb2.GroundedSentence(
        range=range_to(grounded.sentence.range),
        score=grounded.support.score,
        supported=grounded.supported,
        passage=0 if passage is None else passage + 1,
        cited=grounded.sentence.cited,
    )
