"""JSON Schemas of callers: what can be checked of an answer at a cost that is known beforehand (promise P11)."""

import json
import math
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

DRAFTS = tuple(
    f"{scheme}://json-schema.org/{draft}"
    for scheme in ("http", "https")
    for draft in ("draft-07/schema", "draft/2019-09/schema", "draft/2020-12/schema")
)
DEEPEST = 64
"""Levels of a schema."""
MOST_WEIGHT = 2_000
"""Objects of a schema with every reference written out; each part of an answer is compared with no more of them."""
PATTERN_WEIGHT = 100
"""What a pattern counts for."""
PATTERN_BYTES = 65_536
"""Size of a pattern that is compiled: `[0-9]{4}` has a few hundred bytes, `.{1,200}` is too large (`maxLength` is not)."""
_LONGEST_REASON = 200


class InvalidSchema(ValueError):
    """The schema cannot be used; the message says why."""


class JsonSchema:
    """A schema, compiled. It fetches nothing, and its patterns run in linear time: without backreferences and lookaround."""

    def __init__(self, schema: dict[str, Any] | bool) -> None:
        """Raises `InvalidSchema`."""
        try:
            self._validator = jsonschema_rs.validator_for(
                schema,
                offline=True,
                pattern_options=jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES, dfa_size_limit=PATTERN_BYTES),
            )
        except ValueError as error:
            reason = str(error).strip().partition("\n")[0]
            if reason.endswith('is not a "regex"'):
                reason += " of the supported kind (no backreferences, no lookaround), or too large a one"
            raise InvalidSchema(f"is no JSON Schema: {reason[:_LONGEST_REASON]}") from error

    def problem(self, answer: str) -> str | None:
        """What is wrong with the answer, without a word of it; None: it obeys."""
        try:
            value = json.loads(answer, parse_constant=_refused, parse_float=_finite)
        except (ValueError, RecursionError):
            return "the answer is no JSON"
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return f"the answer does not obey `{error.kind.name}` of its schema"
        except ValueError:  # half a surrogate pair, or levels without end
            return "the answer is JSON that cannot be checked"
        return None


@lru_cache(maxsize=16)  # callers send the same few again and again
def json_schema(text: str) -> JsonSchema:
    """The schema that the text is. Raises `InvalidSchema`."""
    try:
        schema = json.loads(text, parse_constant=_refused, parse_float=_finite)
    except RecursionError as error:
        raise InvalidSchema(f"has more than {DEEPEST} levels") from error
    except ValueError as error:
        raise InvalidSchema("is no JSON") from error
    if not isinstance(schema, dict | bool):
        raise InvalidSchema("is no JSON Schema: it is an object, true or false")
    if isinstance(schema, dict) and str(schema.get("$schema", DRAFTS[0])).rstrip("#") not in DRAFTS:
        raise InvalidSchema("names a $schema other than draft 7, 2019-09 and 2020-12")
    try:
        weight = _Weighing(schema).of(schema)
    except RecursionError as error:
        raise InvalidSchema("has too long a chain of references") from error
    if weight > MOST_WEIGHT:
        raise InvalidSchema(f"is too large: with its references written out it has a weight of more than {MOST_WEIGHT}")
    return JsonSchema(schema)


class _Weighing:
    """Walks a schema along its references. What is no schema in it (`const`, `default`) is walked as if it were one."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._known: dict[int, int] = {}
        self._open: set[int] = set()

    def of(self, node: Any, depth: int = 0) -> int:
        if not isinstance(node, dict | list):
            return 0
        if id(node) in self._open:
            raise InvalidSchema("has references that form a circle")
        if id(node) in self._known:
            return self._known[id(node)]
        if depth > DEEPEST:
            raise InvalidSchema(f"has more than {DEEPEST} levels")
        self._open.add(id(node))
        within = node.values() if isinstance(node, dict) else node
        weight = 1 + sum(self.of(each, depth + 1) for each in within)
        if isinstance(node, dict):
            weight += self._of_object(node)
        self._open.remove(id(node))
        self._known[id(node)] = weight
        return weight

    def _of_object(self, node: dict[str, Any]) -> int:
        if isinstance(node.get("$id"), str) and node is not self._root:
            raise InvalidSchema("has an $id below its root")
        for keyword in ("$dynamicRef", "$recursiveRef"):
            if isinstance(node.get(keyword), str):
                raise InvalidSchema(f"has a {keyword}; use $ref")
        patterns = node.get("patternProperties")
        weight = PATTERN_WEIGHT * (
            isinstance(node.get("pattern"), str) + len(patterns if isinstance(patterns, dict) else ())
        )
        reference = node.get("$ref")
        # Each reference is weighed at a depth of its own: chains are bounded by the weight.
        return weight + (self.of(self._found(reference)) if isinstance(reference, str) else 0)

    def _found(self, reference: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            raise InvalidSchema(
                "refers to something outside of itself, or by an anchor; references are like #/$defs/name"
            )
        node = self._root
        for step in unquote(reference).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and name in node:
                node = node[name]
            elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            else:
                raise InvalidSchema("refers to something that is not there")
        return node


def _refused(_: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number
