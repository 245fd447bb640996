"""What plugins for language models share."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.spi.chat_completions import LONGEST_WAIT_S, Spoken, fault_of, wait_of
from ragstone_server.spi.generator import Fault
from ragstone_server.spi.token_estimates import estimated_usage, tokens_of
from ragstone_server.testing.conformance.generator import HARBOUR, OPENED, generate_request, numbered
from tests.providers.prompted import prompt_for

ASKED = generate_request(OPENED, numbered(1, HARBOUR))
REQUEST = replace(ASKED, prompt=prompt_for(ASKED))
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(st.text())
def test_characters_cut_in_halves_are_joined(text: str) -> None:
    halves = text.encode("utf-16-le")
    units = [halves[i : i + 2].decode("utf-16-le", "surrogatepass") for i in range(0, len(halves), 2)]
    spoken = Spoken(REQUEST)
    assert "".join(map(spoken.take, ["x", *units])) == f"x{text}"


def test_half_a_character_is_never_text() -> None:
    spoken = Spoken(REQUEST)
    assert [spoken.take(text) for text in ("\ud83d", "x", "\ude00", "\ud83d")] == ["", "\ufffdx", "\ufffd", ""]


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("1e300", LONGEST_WAIT_S),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Thu, 01 Jan 2026 12:00:07 GMT", 7.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 12:00:07", 7.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, wait: float | None) -> None:
    assert wait_of(header, NOW) == wait


def test_blanks_at_the_beginning_wait_for_a_word_and_are_left_out() -> None:
    spoken = Spoken(REQUEST)
    assert [spoken.take(text) for text in (" ", "\n", " The", " bell")] == ["", "", "The", " bell"]
    assert spoken.begun


def test_blanks_are_kept_in_the_middle_of_an_answer() -> None:
    spoken = Spoken(replace(REQUEST, prefix="The"))
    assert [spoken.take(text) for text in (" ", "bell")] == ["", " bell"]


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (302, Fault.MALFORMED),
        (401, Fault.UNAUTHORIZED),
        (403, Fault.UNAUTHORIZED),
        (404, Fault.REJECTED),
        (429, Fault.RATE_LIMITED),
        (500, Fault.UNAVAILABLE),
    ],
)
def test_a_status_names_a_fault(status: int, fault: Fault) -> None:
    assert fault_of(status) is fault


def test_tokens_are_estimated_rather_too_high() -> None:
    assert [tokens_of(characters) for characters in (0, 1, 4, 5)] == [0, 1, 1, 2]
    usage = estimated_usage(REQUEST, 9)
    assert (usage.output_tokens, usage.estimated) == (3, True)
    assert usage.input_tokens > 0
