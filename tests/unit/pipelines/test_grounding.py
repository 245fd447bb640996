"""A text becomes sentences with their markers, and each gets its support."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.pipelines.grounding import CheckGrounding, sentences_of
from ragstone_server.spi.errors import StageFailed
from ragstone_server.spi.grounding_check import GroundingRequest, Support
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.grounding_check import memory_grounding_check
from ragstone_server.wrappers.fallible import Degradation, Outcome


async def check(request: GroundingRequest, /) -> Outcome[tuple[Support, ...]]:
    return Outcome(result=await memory_grounding_check(request), degradation=None)


async def replaced(request: GroundingRequest, /) -> Outcome[tuple[Support, ...]]:
    replacement = Degradation(stage="grounding_check", reason="was replaced")
    return Outcome(result=await memory_grounding_check(request), degradation=replacement)


async def broken(request: GroundingRequest, /) -> Outcome[tuple[Support, ...]]:
    raise StageFailed


def read(text: str, passages: int = 9) -> list[tuple[str, tuple[int, ...]]]:
    return [(sentence.text, sentence.cited) for sentence in sentences_of(text, passages)]


def test_a_marker_belongs_to_the_sentence_before_it() -> None:
    assert read("It opened in 1911 [1]. It is deep.[2] It is old. [3][1]\n[4] It is new [1-3, 12].") == [
        ("It opened in 1911.", (1,)),
        ("It is deep.", (2,)),
        ("It is old.", (3, 1, 4)),
        ("It is new.", (1, 2, 3)),
    ]


def test_what_has_no_word_is_no_sentence() -> None:
    assert read("... [1]\n---\n!") == []


def test_a_number_that_names_no_passage_is_none() -> None:
    assert read("It is deep [0][3][99].", passages=3) == [("It is deep.", (3,))]


@given(st.text())
def test_ranges_cut_the_text_out(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    end = 0
    for sentence in sentences_of(text.encode("utf-8", "replace").decode(), 3):
        assert end <= sentence.range.start < sentence.range.end <= len(data)
        end = sentence.range.end


async def test_each_sentence_is_judged_by_what_it_cites() -> None:
    judge = CheckGrounding(check, 0.5)
    found = await judge(CONTEXT, "It is deep. [2] It is old.[1]", ("It is old. So it is.", "It is deep."))
    assert [(each.support.passage, each.supported) for each in found.sentences] == [(1, True), (0, True)]
    assert found.share == 1.0
    found = await judge(CONTEXT, "It is deep. [1] It is old.", ("It is old. So it is.", "It is deep."))
    assert [(each.support.passage, each.supported) for each in found.sentences] == [(None, False), (0, True)]
    assert found.share == 0.5


async def test_nothing_said_is_supported() -> None:
    found = await CheckGrounding(check, 0.5)(CONTEXT, "[1]", ("It is old.",))
    assert (found.sentences, found.share) == ((), 1.0)


async def test_a_replaced_check_is_told_and_a_broken_one_fails() -> None:
    found = await CheckGrounding(replaced, 0.5)(CONTEXT, "It is old.", ("It is old.",))
    assert found.degradation == Degradation(stage="grounding_check", reason="was replaced")
    with pytest.raises(StageFailed):
        await CheckGrounding(broken, 0.5)(CONTEXT, "It is old.", ("It is old.",))
