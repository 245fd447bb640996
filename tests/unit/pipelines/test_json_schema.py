"""Schemas of callers: what is refused when they come, and what answers have to obey."""

import json
import socket
import time
from typing import Any

import pytest

from ragstone_server.pipelines.json_schema import DEEPEST, MOST_WEIGHT, InvalidSchema, json_schema

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


def nested(levels: int) -> Any:
    schema: Any = True
    for _ in range(levels):
        schema = {"items": schema}
    return schema


def doubling(levels: int) -> Any:
    """Each level refers to the next one twice."""
    definitions: dict[str, Any] = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(levels)}
    return {"$ref": "#/$defs/a0", "$defs": {**definitions, f"a{levels}": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ('{"const": NaN}', "is no JSON"),
        ("[" * 16_000, "levels"),
        ("[]", "is an object"),
        ("3", "is an object"),
        ({"type": "objekt"}, "is no JSON Schema"),
        ({"required": "name"}, "is no JSON Schema"),
        ({"$ref": "https://example.com/schema.json"}, "outside of itself"),
        ({"$ref": "file:///etc/passwd"}, "outside of itself"),
        ({"$ref": "other.json#/$defs/a"}, "outside of itself"),
        ({"items": {"$ref": "#name"}, "$defs": {"a": {"$anchor": "name"}}}, "by an anchor"),
        ({"$ref": "#/$defs/none"}, "not there"),
        ({"$ref": "#"}, "circle"),
        ({"properties": {"child": {"$ref": "#"}}}, "circle"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"items": {"$ref": "#/$defs/a"}}}}, "circle"),
        ({"$dynamicRef": "#node"}, "$dynamicRef"),
        ({"$recursiveRef": "#"}, "$recursiveRef"),
        ({"items": {"$id": "https://example.com/inner", "$ref": "#/x"}}, "$id below"),
        ({"$schema": "https://example.com/mine"}, "$schema other than"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "$schema other than"),
        (nested(DEEPEST + 5), f"more than {DEEPEST} levels"),
        (doubling(60), f"a weight of more than {MOST_WEIGHT}"),
        ({"allOf": [{"pattern": f"a{i}"} for i in range(40)]}, "weight"),
        ({"patternProperties": {f"a{i}": True for i in range(40)}}, "weight"),
        ({"pattern": r"(a)\1"}, "backreferences"),
        ({"pattern": "(?=a)"}, "lookaround"),
        ({"pattern": "(a{1000}){1000}"}, "too large"),
        ({"pattern": "("}, "is no JSON Schema"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: Any, why: str) -> None:
    with pytest.raises(InvalidSchema) as error:
        json_schema(schema if isinstance(schema, str) else json.dumps(schema))
    assert why in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        PERSON,
        {**PERSON, "$id": "https://example.com/person", "$schema": "https://json-schema.org/draft/2020-12/schema"},
        {**PERSON, "$schema": "http://json-schema.org/draft-07/schema#"},
        {"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}}},
        {"$defs": {"a/b~c": {"type": "integer"}}, "items": {"$ref": "#/$defs/a~1b~0c"}},
        {"$defs": {"ä b": {"type": "integer"}}, "items": {"$ref": "#/$defs/%C3%A4%20b"}},
        {"prefixItems": [{"type": "integer"}], "items": {"$ref": "#/prefixItems/0"}},
        doubling(6),
        nested(DEEPEST - 2),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_schema_within_the_limits_is_used(schema: Any) -> None:
    json_schema(json.dumps(schema))


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> Any:
        pytest.fail("it connects")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    with pytest.raises(InvalidSchema):
        json_schema('{"$ref": "http://127.0.0.1:9/x.json"}')


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ('{"name": "Ada", "age": 36}', None),
        (' {"name": "Ada"}\n', None),
        ("", "no JSON"),
        ("Ada", "no JSON"),
        ('{"name": "Ada"', "no JSON"),
        ('{"name": "Ada"} {}', "no JSON"),
        ('{"name": NaN}', "no JSON"),
        ('{"name": "Ada", "age": 1e999}', "no JSON"),
        ('{"name": "Ada", "age": ' + "1" * 5000 + "}", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"age": 36}', "`required`"),
        ('{"name": 7}', "`type`"),
        ('{"name": "secret", "more": 1}', "`additionalProperties`"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_answer_obeys_or_the_problem_is_told_without_its_words(answer: str, problem: str | None) -> None:
    told = json_schema(json.dumps(PERSON)).problem(answer)
    if problem is None:
        assert told is None
    else:
        assert told is not None
        assert problem in told
        assert "secret" not in told


def test_half_a_surrogate_pair_cannot_be_measured() -> None:
    assert json_schema('{"maxLength": 3}').problem('"\\ud800"') == "the answer is JSON that cannot be checked"


def test_the_formats_of_draft_7_are_checked() -> None:
    dated = json_schema('{"$schema": "http://json-schema.org/draft-07/schema#", "format": "date"}')
    assert dated.problem('"2025-02-30"') == "the answer does not obey `format` of its schema"


def test_p11_no_pattern_and_no_reference_takes_long() -> None:
    catastrophic = json_schema('{"pattern": "^(a+)+$"}')
    wide = json_schema(json.dumps({**doubling(6), "$ref": "#/x", "x": {"items": {"$ref": "#/$defs/a0"}}}))
    begun = time.perf_counter()
    assert catastrophic.problem(json.dumps("a" * 50_000 + "b")) is not None
    assert wide.problem(json.dumps([1] * 10_000)) is None
    assert time.perf_counter() - begun < 5
