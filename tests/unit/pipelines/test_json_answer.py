"""Answers in JSON while they stream: what stands around texts is not touched, whatever the pieces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.pipelines.citations import MARKER
from ragstone_server.pipelines.events import Citation, Delta
from ragstone_server.pipelines.json_answer import JsonAnswer
from ragstone_server.pipelines.json_schema import json_schema
from ragstone_server.pipelines.json_text import JsonText, Place, prose_of, simplified
from ragstone_server.spi.generator import Fault, GeneratorFailed
from tests.unit.pipelines.test_citations import EVIDENCE

ANY = json_schema("true")


def check(*pieces: str, schema: str = "true") -> tuple[JsonAnswer, list[Delta | Citation]]:
    answer = JsonAnswer(EVIDENCE, json_schema(schema))
    events = [event for piece in pieces for event in answer.feed(piece)]
    events += answer.finish()
    assert "".join(event.text for event in events if isinstance(event, Delta)) == answer.text
    return answer, events


def cited(answer: JsonAnswer) -> list[tuple[int, str]]:
    return [(citation.number, citation.range.of(answer.text.encode())) for citation in answer.citations]


def around(text: str) -> list[str]:
    """Everything but the texts, one after another."""
    scanner = JsonText()
    parts = (*scanner.feed(text), *scanner.finish())
    return [part.text for part in parts if part.place is Place.AROUND]


SIGNS = st.text(st.sampled_from('[]12,9- "\\\n{}:aäé😀\u2013'), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False, allow_infinity=False) | SIGNS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SIGNS, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def cut(draw: st.DrawFn) -> tuple[Any, str, list[str]]:
    """A value, its JSON in some writing, and that in pieces."""
    value = draw(VALUES)
    text = json.dumps(
        value,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 2])),
        separators=draw(st.sampled_from([None, (",", ":")])),
    )
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return value, text, [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def texts_of(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for each in value for text in texts_of(each)]
        case dict():
            return [text for each in value.values() for text in texts_of(each)]
        case _:
            return []


def shape_of(value: Any) -> Any:
    """The value without its texts."""
    match value:
        case str():
            return ""
        case list():
            return [shape_of(each) for each in value]
        case dict():
            return {key: shape_of(each) for key, each in value.items()}
        case _:
            return value


@given(cut())
def test_around_the_texts_nothing_changes_and_in_them_no_invalid_number_stays(case: tuple[Any, str, list[str]]) -> None:
    value, text, pieces = case
    answer, _ = check(*pieces)
    said = json.loads(answer.text)
    assert shape_of(said) == shape_of(value)
    assert "".join(around(answer.text)) == "".join(around(text))
    known = {passage.number for passage in EVIDENCE}
    for each in texts_of(said):
        for marker in MARKER.finditer(each):
            assert marker[2].isdecimal()
            assert int(marker[2]) in known
    assert answer.text == check(text)[0].text
    assert answer.invalid == check(text)[0].invalid
    for citation in answer.citations:
        citation.range.of(answer.text.encode())
    if not any(MARKER.search(each) for each in texts_of(value)):
        assert said == value
        assert answer.invalid == 0


@given(cut())
def test_the_prose_has_each_text_at_its_bytes(case: tuple[Any, str, list[str]]) -> None:
    _, text, _ = case
    prose = prose_of(text)
    assert len(prose.encode()) == len(text.encode())
    written = JsonText()
    for part in written.feed(text):
        if part.place is Place.TEXT and "\\" not in part.text and part.text.strip():
            assert part.text in prose
    assert '"' not in prose or '\\"' in text


@given(cut())
def test_the_pieces_of_a_text_are_the_text(case: tuple[Any, str, list[str]]) -> None:
    _, text, pieces = case
    scanner = JsonText()
    parts = [part for piece in pieces for part in scanner.feed(piece)] + list(scanner.finish())
    assert "".join(part.text for part in parts) == text
    assert all(part.text for part in parts)


@given(st.text(st.sampled_from('{}[]",:\\u1d8c ax`n'), max_size=30))
def test_what_is_no_json_passes_or_is_refused_and_never_breaks(text: str) -> None:
    answer = JsonAnswer(EVIDENCE, ANY)
    try:
        list(answer.feed(text))
        list(answer.finish())
    except GeneratorFailed as error:
        assert error.fault is Fault.INVALID_FORMAT
    else:
        json.loads(answer.text)


def test_arrays_of_numbers_are_no_citations() -> None:
    text = '{"years": [1, 2, 99], "pairs": [[1],[9]], "[9]": "It is old [1, 9]."}'
    answer, events = check(text)
    assert answer.text == '{"years": [1, 2, 99], "pairs": [[1],[9]], "[9]": "It is old [1]."}'
    assert answer.invalid == 1
    assert cited(answer) == [(1, "It is old")]
    assert sum(isinstance(event, Citation) for event in events) == 1


def test_a_citation_supports_the_sentence_of_its_own_text() -> None:
    answer, _ = check(
        '{"title": "A ferry", "said": "It leaves.\\nIt is \\"free\\" [2].", "why": "[3]", "é": "Große [1]"}'
    )
    assert cited(answer) == [(2, 'It is \\"free\\"'), (3, 'It is \\"free\\"'), (1, "Große")]


def test_escapes_that_hide_a_marker_are_read() -> None:
    answer, _ = check(
        '["Nine \\u005b9\\u005d, \\u005b1\\u20132\\u005d \\u00e9 \\ud83d\\ude00 \\/ \\u0007 \\ud83d"]', schema="{}"
    )
    assert answer.text == '["Nine, [1][2] é 😀 / \\u0007 \\ud83d"]'
    assert answer.invalid == 1


def test_halves_of_an_escape_wait_for_each_other() -> None:
    for at in range(1, 13):
        text = '"\\ud83d\\ude00"'
        assert check(text[:at], text[at:])[0].text == '"😀"'
    assert simplified("\\n\\u0041") == "\\nA"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ("```\n[1, 2]\n```\n", "[1, 2]"),
        ('\n\n ```JSON  \r\n {"a": "```"}```', '{"a": "```"}'),
        ('```json {"a": 1} ```', '{"a": 1}'),
        ("```json\n42\n```", "42"),
        ('  {"a": 1}\n\n', '{"a": 1}'),
        ("null\n", "null"),
        ('"text"', '"text"'),
    ],
)
def test_a_fence_and_blanks_around_are_taken_off(said: str, kept: str) -> None:
    assert check(said)[0].text == kept
    assert check(*said)[0].text == kept


@pytest.mark.parametrize(
    "said",
    [
        'Here it is: {"a": 1}',
        '{"a": 1} I hope that helps.',
        '{"a": 1}{"a": 2}',
        '{"a": 1',
        '{"a": "x',
        '{"a": "\\',
        '```json\n{"a": 1}\n``` So it is.',
        '{"a": 1}```',
        "```json\n```",
        "```",
        "NO JSON",
        '{"b": 1}',
        '{"a": "1"}',
        '{"a": NaN}',
    ],
)
def test_what_is_not_what_was_asked_for_is_a_fault(said: str) -> None:
    schema = '{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}'
    for pieces in ((said,), tuple(said)):
        with pytest.raises(GeneratorFailed) as error:
            check(*pieces, schema=schema)
        assert error.value.fault is Fault.INVALID_FORMAT


def test_what_callers_get_is_what_is_checked() -> None:
    with pytest.raises(GeneratorFailed, match="`pattern`"):
        check('"Nine [9]"', schema='{"pattern": "\\\\]$"}')


@pytest.mark.parametrize(
    "said",
    ['{"answer": "NO_ANSWER"}', '["NO_ANSWER."]', '{"found": false, "n": [1], "answer": " NO_ANSWER ", "x": "y"}'],
)
def test_the_mark_in_the_first_text_is_an_abstention_and_never_said(said: str) -> None:
    for pieces in ((said,), tuple(said)):
        answer, events = check(*pieces, schema="false")
        assert answer.abstains
        assert events == []


def test_the_mark_in_a_later_text_is_an_abstention_too() -> None:
    answer, _ = check('{"title": "The harbour", "answer": "NO_ANSWER"}')
    assert answer.abstains
    assert answer.text.startswith('{"title": "The harbour"')


def test_a_text_that_only_begins_like_the_mark_is_said() -> None:
    answer, _ = check(*'{"answer": "NO_ANSWERS, but NO_ANSWER stands here."}')
    assert not answer.abstains
    assert json.loads(answer.text)["answer"].startswith("NO_ANSWERS")


def test_little_is_held_back() -> None:
    answer = JsonAnswer(EVIDENCE, ANY)
    events = list(answer.feed('{"answer": "The ferry'))
    assert [event.text for event in events if isinstance(event, Delta)] == ['{"answer": "', "The ferry"]
    numbers = JsonAnswer(EVIDENCE, ANY)
    assert list(numbers.feed("[" + "1, " * 200))
