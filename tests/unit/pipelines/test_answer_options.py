"""What callers ask of an answer is checked against what the operator permits."""

import json

import pytest
from pydantic import ValidationError

from ragstone_server.pipelines.answer_options import check_budgets, permitted
from ragstone_server.pipelines.settings import AnswerSettings
from ragstone_server.spi.errors import InvalidRequest
from ragstone_server.spi.generator import AnswerFormat, Sampling

OPEN = AnswerSettings()
CLOSED = AnswerSettings(
    format=AnswerFormat.MARKDOWN,
    formats=(),
    context_tokens_limit=4000,
    max_output_tokens_limit=100,
    callers_set_temperature=False,
    callers_set_stop=False,
)
SCHEMA = json.dumps({"type": "object"})


def test_left_out_the_format_is_the_configured_one() -> None:
    assert permitted(OPEN, Sampling(temperature=1.0, stop=("x",)), None) == Sampling(temperature=1.0, stop=("x",))
    assert permitted(CLOSED, Sampling(), None).format is AnswerFormat.MARKDOWN
    assert permitted(CLOSED, Sampling(), AnswerFormat.MARKDOWN).format is AnswerFormat.MARKDOWN
    assert permitted(OPEN, Sampling(json_schema=SCHEMA), AnswerFormat.JSON).format is AnswerFormat.JSON


@pytest.mark.parametrize(
    ("settings", "sampling", "wanted", "field", "what"),
    [
        (CLOSED, Sampling(temperature=0.0), None, "temperature", "does not let callers"),
        (CLOSED, Sampling(stop=("x",)), None, "stop", "does not let callers"),
        (CLOSED, Sampling(), AnswerFormat.TEXT, "format", "does not answer in TEXT; it does in MARKDOWN"),
        (CLOSED, Sampling(json_schema=SCHEMA), AnswerFormat.JSON, "format", "does not answer in JSON"),
        (OPEN, Sampling(), AnswerFormat.JSON, "json_schema", "needs one"),
        (OPEN, Sampling(json_schema=SCHEMA), None, "json_schema", "JSON only"),
        (OPEN, Sampling(json_schema=SCHEMA), AnswerFormat.TEXT, "json_schema", "JSON only"),
        (OPEN, Sampling(json_schema="{"), AnswerFormat.JSON, "json_schema", "no JSON"),
        (OPEN, Sampling(json_schema='{"type": 7}'), AnswerFormat.JSON, "json_schema", "no JSON Schema"),
    ],
)
def test_what_is_not_permitted_is_refused_at_its_field(
    settings: AnswerSettings, sampling: Sampling, wanted: AnswerFormat | None, field: str, what: str
) -> None:
    with pytest.raises(InvalidRequest, match=what) as error:
        permitted(settings, sampling, wanted)
    assert [violation.field for violation in error.value.violations] == [field]


@pytest.mark.parametrize(("field", "asked"), [("context_tokens", 4001), ("max_output_tokens", 513)])
def test_budgets_have_limits_that_are_told(field: str, asked: int) -> None:
    budgets: dict[str, int | None] = {"context_tokens": None, "max_output_tokens": None}
    check_budgets(CLOSED, **budgets)
    check_budgets(CLOSED, **{**budgets, field: asked - 1})
    with pytest.raises(InvalidRequest, match=f"{field}: at most {asked - 1} ") as error:
        check_budgets(CLOSED, **{**budgets, field: asked})
    assert [violation.field for violation in error.value.violations] == [field]


def test_json_is_no_default() -> None:
    with pytest.raises(ValidationError, match="which callers send"):
        AnswerSettings(format=AnswerFormat.JSON)
