"""The filter language: what it means, where it fails, and that it can say every tree."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.spi.errors import InvalidFilter
from ragstone_server.spi.filters import And, Comparison, Filter, Has, Not, Operator, Or, matches
from ragstone_server.spi.metadata import MetadataScalar
from ragstone_server.transport.convert.filters import MAX_DEPTH, parse_filter


def equal(field: str, value: MetadataScalar) -> Comparison:
    return Comparison(field=field, operator=Operator.EQUAL, value=value)


A, B, C = equal("a", 1.0), equal("b", 2.0), equal("c", 3.0)


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_filter_is_none(text: str) -> None:
    assert parse_filter(text) is None


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a = 1", A),
        ("a=1", A),
        ("a = 1 AND b = 2", And(terms=(A, B))),
        ("a = 1 b = 2", And(terms=(A, B))),
        ("a = 1 OR b = 2", Or(terms=(A, B))),
        # OR binds tighter than AND, as AIP-160 has it.
        ("a = 1 AND b = 2 OR c = 3", And(terms=(A, Or(terms=(B, C))))),
        ("a = 1 OR b = 2 AND c = 3", And(terms=(Or(terms=(A, B)), C))),
        ("(a = 1 AND b = 2) OR c = 3", Or(terms=(And(terms=(A, B)), C))),
        ("NOT a = 1", Not(term=A)),
        ("-a = 1", Not(term=A)),
        ("NOT (a = 1 OR b = 2)", Not(term=Or(terms=(A, B)))),
        ("((a = 1))", A),
        ("metadata.a = 1", A),
        ("cost.centre = 1", equal("cost.centre", 1.0)),
        ('"cost centre" = 1', equal("cost centre", 1.0)),
        ("tags:safety", Has(field="tags", value="safety")),
        ("tags:*", Has(field="tags", value=None)),
        ("tags:'two words'", Has(field="tags", value="two words")),
        ("kind = policy-2025", equal("kind", "policy-2025")),
        ('kind = "a \\"b\\" \\\\ c"', equal("kind", 'a "b" \\ c')),
        ("größe = 'ü'", equal("größe", "ü")),
        ("a = true", equal("a", True)),
        ('a = "true"', equal("a", "true")),
        ("a = trueish", equal("a", "trueish")),
        ("a = -0.5", equal("a", -0.5)),
        ("a = 1e3", equal("a", 1000.0)),
        ("a = ANDROID", equal("a", "ANDROID")),
        ("NOTE = ORDER", equal("NOTE", "ORDER")),
        ("a = 2025-06-30", equal("a", datetime(2025, 6, 30, tzinfo=UTC))),
        ("a = 2025-06-30T12:00:00Z", equal("a", datetime(2025, 6, 30, 12, tzinfo=UTC))),
        ("a = 2025-06-30T12:00:00.5+02:00", equal("a", datetime(2025, 6, 30, 10, 0, 0, 500000, tzinfo=UTC))),
    ],
)
def test_what_it_means(text: str, tree: Filter) -> None:
    assert parse_filter(text) == tree


@pytest.mark.parametrize("operator", Operator)
def test_every_operator(operator: Operator) -> None:
    assert parse_filter(f"a {operator} 1") == Comparison(field="a", operator=operator, value=1.0)


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("a =", 4, "the filter ends"),
        ("a = 1 AND", 10, "the filter ends"),
        ("a = = 1", 5, "'=' is not expected"),
        ("(a = 1", 7, "expected"),
        ("a = 1)", 6, "')' is not expected"),
        ("a == 1", 4, "'=' is not expected"),
        ("a = user@example.org", 9, "quote a value that has signs in it"),
        ("a = 'open", 5, "not expected here"),
        ("= 1", 1, "a name, a quoted text"),
        ("a = 1 OR", 9, "the filter ends"),
        ("a", 2, "the filter ends"),
        ("a = 2025-13-40", 5, "is not a time of the calendar"),
        ("a = *", 5, "not expected"),
        ("a = 1 AND OR b = 2", 14, "'b' is not expected"),
        ("a = 1 AND\nb == 2", 14, "'=' is not expected"),
        ("a = 1\n@", 7, "'@' is not expected here"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, column: int, what: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse_filter(text)
    assert caught.value.metadata == {"column": str(column)}
    assert caught.value.message.startswith(f"filter, column {column}: ")
    assert what in caught.value.message
    assert [violation.field for violation in caught.value.violations] == ["filter"]


def test_depth_is_bounded() -> None:
    deep = "(" * MAX_DEPTH + "a = 1" + ")" * MAX_DEPTH
    assert parse_filter(deep) == A
    with pytest.raises(InvalidFilter, match="more than 64 parentheses"):
        parse_filter(f"({deep})")


def test_a_long_filter_without_parentheses_is_no_trouble() -> None:
    tree = parse_filter(" AND ".join(["a = 1"] * 1000))
    assert isinstance(tree, And)
    assert len(tree.terms) == 1000


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused_with_a_column_within_it(text: str) -> None:
    try:
        parse_filter(text)
    except InvalidFilter as error:
        assert 1 <= int(error.metadata["column"]) <= len(text) + 1


zones = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
scalars = st.one_of(
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.datetimes(min_value=datetime(1000, 1, 1), timezones=zones),
)
names = st.sampled_from(["a", "year", "cost centre", "größe", "x.y", "AND", "true", "1st", 'quo"te', "back\\slash"])
leaves = st.one_of(
    st.builds(Comparison, field=names, operator=st.sampled_from(Operator), value=scalars),
    st.builds(Has, field=names, value=st.none() | scalars),
)


def joined(terms: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(terms, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, terms=several), st.builds(Or, terms=several), st.builds(Not, term=terms))


trees = st.recursive(leaves, joined, max_leaves=8)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def said(value: MetadataScalar) -> str:
    match value:
        case bool():
            return json.dumps(value)
        case str():
            return quoted(value)
        case datetime():
            return value.isoformat()
        case _:
            return repr(float(value))


def written(tree: Filter) -> str:
    match tree:
        case And(terms=terms):
            return " AND ".join(f"({written(term)})" for term in terms)
        case Or(terms=terms):
            return " OR ".join(f"({written(term)})" for term in terms)
        case Not(term=term):
            return f"NOT ({written(term)})"
        case Has(field=field, value=value):
            return f"{quoted(field)}:{'*' if value is None else said(value)}"
        case Comparison(field=field, operator=operator, value=value):
            return f"{quoted(field)} {operator} {said(value)}"


@given(trees)
def test_every_tree_can_be_written_and_is_read_back(tree: Filter) -> None:
    text = written(tree)
    if text.count("(") <= MAX_DEPTH:
        assert parse_filter(text) == tree


@given(trees, st.dictionaries(names, scalars | st.lists(st.text(max_size=3), max_size=3).map(tuple), max_size=4))
def test_not_turns_every_answer_round(tree: Filter, metadata: dict[str, MetadataScalar]) -> None:
    assert matches(Not(term=tree), metadata) is not matches(tree, metadata)
