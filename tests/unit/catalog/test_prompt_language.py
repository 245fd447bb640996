"""The language of templates: what it has, what it refuses and where, and that nothing in it runs long or grows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.catalog.prompt_language import MOST_CHARACTERS, MOST_LINES, SYSTEM, USER, check, render
from ragstone_server.spi.errors import PromptInvalid

VARIABLES: dict[str, Any] = {
    "system": "Be exact.",
    "preamble": "",
    "language": "German",
    "style": "brief",
    "collection": "handbook",
    "passage_count": 3,
    "no_answer": "NO",
    "evidence": "~~~~ [1]\n<b>& text\n~~~~",
    "question": "Why?",
}


def said(source: str, **variables: Any) -> str:
    check(USER, source)
    return render(USER, source, {**VARIABLES, **variables})


def refused(source: str, field: str = USER) -> PromptInvalid:
    with pytest.raises(PromptInvalid) as raised:
        check(field, source)
    return raised.value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ question }}", "Why?"),
        ("{{ evidence }}", "~~~~ [1]\n<b>& text\n~~~~"),
        ("a{# a comment #}b", "ab"),
        ("{% if preamble %}\nnever\n{% elif passage_count > 2 and language != 'English' %}\nmany\n{% endif %}", "many"),
        ("{{ 'few' if passage_count <= 2 else language ~ ', ' ~ style | upper }}", "German, BRIEF"),
        ("{% raw %}{{ evidence }}{% endraw %}", "{{ evidence }}"),
        ("\n\n{{ question | lower | trim }}\n\n", "why?"),
        ("{% if question | length == 4 and not preamble %}four{% endif %}", "four"),
        ("{% if 'ex' in system or 'x' in question %}exact{% endif %}", "exact"),
    ],
)
def test_what_the_language_has(source: str, text: str) -> None:
    assert said(source) == text


def test_what_a_variable_holds_is_text_and_no_template() -> None:
    assert said("{{ question }}", question="{{ system }}{% for x in y %}") == "{{ system }}{% for x in y %}"


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("{% for a in question %}x{% endfor %}", "(for)"),
        ("{% set a = question %}", "(assign)"),
        ("{% set a %}{{ question }}{% endset %}", "(assign block)"),
        ("{% macro a() %}{% endmacro %}", "(macro)"),
        ("{% include 'secret' %}", "(include)"),
        ("{% import 'os' as os %}", "(import)"),
        ("{% extends 'other' %}", "(extends)"),
        ("{% block a %}{% endblock %}", "(block)"),
        ("{% filter upper %}a{% endfilter %}", "(filter block)"),
        ("{{ question.__class__ }}", "(getattr)"),
        ("{{ question['__class__'] }}", "(getitem)"),
        ("{{ question() }}", "(call)"),
        ("{{ 9 ** 9 ** 9 ** 9 }}", "(pow)"),
        ("{{ 'x' * 10000000000 }}", "(mul)"),
        ("{{ '%1000000000d' % 1 }}", "(mod)"),
        ("{{ [1] }}", "(list)"),
        ("{{ question is defined }}", "(test)"),
        ("{{ question | center(1000000000) }}", "no filter 'center'"),
        ("{{ question | trim('?') }}", "no filter 'trim'"),
        ("{{ range }}", "no 'range'"),
        ("{{ self }}", "no 'self'"),
        ("{{ passages }}", "there are: collection, evidence"),
        ("{% tag %}", "unknown tag 'tag'"),
        ("{% if question %}", "end of template"),
        ("{{ question", "end of template"),
        ("{{ 1 +* 2 }}", "unexpected"),
    ],
)
def test_what_is_not_of_the_language_is_refused_with_its_line(source: str, what: str) -> None:
    error = refused(f"One line.\n{source}")
    assert what in error.message
    assert "user, line 2: " in error.message
    assert error.metadata == {"field": "user", "line": "2"}
    assert [violation.field for violation in error.violations] == ["prompt.user"]


@pytest.mark.parametrize("name", ["evidence", "question"])
def test_texts_of_others_do_not_enter_the_system_message(name: str) -> None:
    assert f"no {name!r} here" in refused(f"{{{{ {name} }}}}", SYSTEM).message


@pytest.mark.parametrize(
    "source",
    [
        "(" * 8000,
        "{{ " + "(" * 5000 + "question" + ")" * 5000 + " }}",
        "{{ " + "not " * 4000 + "question }}",
        "{{ " + " and ".join(["question"] * 1000) + " }}"[:16000],
        "{% if question %}" * 300 + "{% endif %}" * 300,
        "{{ " + "9" * 5000 + " }}",
    ],
)
def test_what_is_nested_too_deeply_or_too_long_to_read_is_refused_or_rendered(source: str) -> None:
    try:
        check(USER, source)
    except PromptInvalid:
        return
    render(USER, source, VARIABLES)


def test_a_source_has_a_limit() -> None:
    check(USER, "x" * MOST_CHARACTERS)
    assert "longer than" in refused("x" * (MOST_CHARACTERS + 1)).message
    check(USER, "\n" * (MOST_LINES - 1))
    assert "lines" in refused("\n" * MOST_LINES).message


def test_control_characters_are_refused_with_their_line() -> None:
    assert "user, line 3: holds the control character U+0000" in refused("a\nb\nc\0").message


def test_a_template_may_say_something_twice_but_not_a_thousand_times() -> None:
    assert said("{{ evidence }}{{ evidence }}", evidence="x" * 1000) == "x" * 2000
    with pytest.raises(PromptInvalid, match="repeats"):
        said("{{ evidence }}" * 1000, evidence="x" * 100_000)


def test_what_compares_texts_with_numbers_is_refused_when_it_is_rendered() -> None:
    with pytest.raises(PromptInvalid, match="user: cannot be rendered"):
        said("{{ question < 3 }}")


@given(st.text(st.sampled_from("{}%#|~ \n'\"()[].if endif question evidence 01*-"), max_size=200))
def test_any_source_is_rendered_or_refused(source: str) -> None:
    try:
        check(USER, source)
        render(USER, source, VARIABLES)
    except PromptInvalid:
        return
