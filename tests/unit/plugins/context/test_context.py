"""What the context filter takes out, and above all what it leaves."""

import pytest

from ragstone_plugins.context.filter import EvidenceFilter
from ragstone_plugins.context.settings import EvidenceOptions, EvidenceSettings
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.context_filter import ContextFilterRequest, DropReason
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.testing.conformance.context_filter import FERRY, LEAVE
from ragstone_server.testing.conformance.samples import CONTEXT, scored
from ragstone_server.testing.memory.host import MemoryLane


def dropped(*passages: ScoredPassage, context: RequestContext = CONTEXT, **settings: float) -> dict[int, DropReason]:
    evidence = EvidenceFilter(EvidenceSettings(**settings), MemoryLane("interactive", 1))
    found = evidence.filter(ContextFilterRequest(context=context, question="", passages=passages))
    return {each.index: each.reason for each in found.dropped}


def far(key: int, **scores: float) -> ScoredPassage:
    return scored(key, f"passage number {key} about something of its own", scores=scores)


def test_only_the_newest_version_stays() -> None:
    passages = [scored(n, f"{FERRY} {n}", document=5, version=v) for n, v in enumerate((1, 3, 2, 3), 1)]
    assert dropped(*passages) == {0: DropReason.SUPERSEDED, 2: DropReason.SUPERSEDED}


def test_a_low_cosine_is_dropped_unless_the_words_speak_for_it() -> None:
    passages = (
        far(1, dense=0.6, lexical=20.0),
        far(2, dense=0.1, lexical=19.0),
        far(3, dense=0.1, lexical=5.0),
        far(4, dense=0.1),
    )
    assert dropped(*passages) == {2: DropReason.BELOW_THRESHOLD, 3: DropReason.BELOW_THRESHOLD}


def test_without_a_cosine_the_words_decide() -> None:
    assert dropped(far(1, dense=0.5, lexical=9.0), far(2, lexical=8.9), far(3, lexical=3.0)) == {
        2: DropReason.BELOW_THRESHOLD
    }


def test_nothing_is_dropped_where_the_dense_retriever_did_not_answer() -> None:
    assert dropped(far(1, lexical=9.0), far(2, lexical=0.1), far(3)) == {}


def test_all_may_go() -> None:
    assert len(dropped(far(1, dense=0.1), far(2, dense=0.05))) == 2


def test_a_caller_may_choose_the_threshold() -> None:
    def asking(min_dense: float) -> RequestContext:
        options = {"context_filter": EvidenceOptions(min_dense=min_dense)}
        return RequestContext(request_id="r", caller=CONTEXT.caller, collection=CONTEXT.collection, options=options)

    passages = (far(1, dense=0.4), far(2, dense=-0.1))
    assert dropped(*passages, context=asking(-1)) == {}
    assert set(dropped(*passages, context=asking(0.5))) == {0, 1}


def test_a_copy_is_dropped_and_the_better_placed_stays() -> None:
    assert dropped(scored(1, FERRY), scored(2, LEAVE), scored(3, FERRY)) == {2: DropReason.DUPLICATE}
    assert dropped(scored(1, f"{FERRY} {LEAVE}"), scored(2, LEAVE)) == {1: DropReason.DUPLICATE}
    assert dropped(scored(1, LEAVE), scored(2, f"{FERRY} {LEAVE}")) == {}, "the second says more"


def test_case_marks_and_a_changed_word_make_no_difference() -> None:
    long = " ".join(
        (FERRY, LEAVE, "Nothing else is known about it, and whoever asks is sent to the office by the quay.")
    )
    assert dropped(scored(1, long), scored(2, long.upper().replace(",", " ;"))) == {1: DropReason.DUPLICATE}
    assert dropped(scored(1, long), scored(2, long.replace("office", "bureau"))) == {1: DropReason.DUPLICATE}


@pytest.mark.parametrize(
    ("old", "new"),
    [("seven", "7"), ("free of charge", "not free of charge"), ("Nordvik", "Halvern"), ("the island", "Skerry")],
)
def test_another_number_name_or_negation_is_another_fact(old: str, new: str) -> None:
    rest = " ".join(
        ["It is a large and friendly vessel, and whoever wants to know more about it asks the crew on deck."] * 4
    )
    assert dropped(scored(1, f"{FERRY} {rest}"), scored(2, f"{FERRY.replace(old, new)} {rest}")) == {}


def test_a_changed_figure_of_a_tariff_is_another_fact() -> None:
    rows = "\n".join(f"| Kittiwake | cabin {n} | {n * 7} euros |" for n in range(30))
    assert dropped(scored(1, rows), scored(2, rows.replace("| 70 euros", "| 75 euros"))) == {}


def test_short_texts_under_other_headings_are_not_the_same() -> None:
    text = "Not allowed on deck."
    assert dropped(scored(1, text, headings=("Dogs",)), scored(2, text, headings=("Bicycles",))) == {}


def test_scripts_without_spaces() -> None:
    text = "東京は日本の首都であり、世界でも有数の大都市として知られています。"
    assert dropped(scored(1, text), scored(2, text)) == {1: DropReason.DUPLICATE}
    assert (
        dropped(scored(1, text), scored(2, "大阪は西日本の中心であり、食べ物が美味しい街として人気があります。")) == {}
    )


def test_a_thousand_passages_are_compared_in_the_end() -> None:
    passages = [scored(n, f"{LEAVE} {FERRY} {n} " * 3) for n in range(1000)]
    assert len(dropped(*passages)) < 1000
