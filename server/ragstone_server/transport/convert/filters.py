"""Reads the filter language of AIP-160 into the typed tree of `spi`."""

import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

from ragstone_server.spi.errors import FieldViolation, InvalidFilter
from ragstone_server.spi.filters import And, Comparison, Filter, Has, Not, Operator, Or
from ragstone_server.spi.metadata import MetadataScalar

MAX_DEPTH = 64
_WORDS = {
    "COMPARATOR": "a comparison (=, !=, <, <=, >, >=)",
    "HAS": "':'",
    "TEXT": "a name",
    "STRING": "a quoted text",
    "NUMBER": "a number",
    "TIMESTAMP": "a time",
    "_NOT": "NOT",
    "_AND": "AND",
    "_OR": "OR",
    "LPAR": "'('",
    "RPAR": "')'",
    "DOT": "'.'",
    "$END": "the end",
}


def parse_filter(text: str) -> Filter | None:
    """The tree of a filter; None for an empty one. Raises `InvalidFilter` with the column, counted from 1."""
    if not text.strip():
        return None
    if text.count("(") > MAX_DEPTH:
        raise _invalid(text.find("(") + 1, f"more than {MAX_DEPTH} parentheses")
    try:
        tree: Filter = _Tree().transform(_parser().parse(text))
    except UnexpectedCharacters as error:
        found = f"{text[error.pos_in_stream or 0]!r} is not expected here; quote a value that has signs in it"
        raise _invalid(_column(error.pos_in_stream), found) from error
    except UnexpectedToken as error:
        at_end = error.token.type == "$END"
        found = "the filter ends" if at_end else f"{str(error.token)!r} is not expected"
        expected = sorted({_WORDS[name] for name in error.accepts or error.expected if name in _WORDS})
        column = len(text) + 1 if at_end else _column(error.pos_in_stream)
        raise _invalid(column, f"{found}; expected {', '.join(expected)}") from error
    except (UnexpectedInput, VisitError) as error:
        if isinstance(error, VisitError) and isinstance(error.orig_exc, InvalidFilter):
            raise error.orig_exc from error
        raise _invalid(1, "does not parse") from error
    return tree


def _column(offset: int | None) -> int:
    """Counted through the whole filter, line ends included."""
    return (offset or 0) + 1


def _invalid(column: int, what: str) -> InvalidFilter:
    message = f"filter, column {column}: {what}"
    return InvalidFilter(
        message,
        metadata={"column": str(column)},
        violations=(FieldViolation(field="filter", description=message),),
    )


@cache
def _parser() -> Lark:
    grammar = files(__package__).joinpath("filter.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False)


def _unquoted(token: Token) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)


class _Tree(Transformer[Token, Filter]):
    """From lark's tree to ours, from the leaves up."""

    def start(self, children: list[Filter]) -> Filter:
        return children[0]

    def expression(self, children: list[Filter]) -> Filter:
        return children[0] if len(children) == 1 else And(terms=tuple(children))

    sequence = expression

    def factor(self, children: list[Filter]) -> Filter:
        return children[0] if len(children) == 1 else Or(terms=tuple(children))

    def negation(self, children: list[Filter]) -> Filter:
        return Not(term=children[0])

    def restriction(self, children: list[str | Token | MetadataScalar]) -> Filter:
        field, operator, value = children
        assert not isinstance(operator, float | bool | datetime)
        return Comparison(field=str(field), operator=Operator(str(operator)), value=value)

    def has(self, children: list[str | Token | MetadataScalar]) -> Filter:
        return Has(field=str(children[0]), value=children[2])

    def present(self, children: list[str | Token]) -> Filter:
        return Has(field=str(children[0]), value=None)

    def member(self, children: list[str]) -> str:
        return ".".join(children).removeprefix("metadata.")

    def text(self, children: list[Token]) -> str:
        return str(children[0])

    def string(self, children: list[Token]) -> str:
        return _unquoted(children[0])

    def number(self, children: list[Token]) -> float:
        return float(children[0])

    def true(self, _: list[Token]) -> bool:
        return True

    def false(self, _: list[Token]) -> bool:
        return False

    def timestamp(self, children: list[Token]) -> datetime:
        token = children[0]
        try:
            moment = datetime.fromisoformat(token)
        except ValueError as error:
            raise _invalid(_column(token.start_pos), f"{str(token)!r} is not a time of the calendar") from error
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
