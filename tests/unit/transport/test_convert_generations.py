"""Generations, between the contract and the catalog."""

import json
import math
from dataclasses import replace

import pytest
from google.protobuf.struct_pb2 import Struct

from ragstone.v1 import generation_pb2, operation_pb2
from ragstone_server.spi.errors import InvalidName, InvalidRequest
from ragstone_server.spi.generations import (
    Generation,
    GenerationNumber,
    GenerationRecord,
    GenerationState,
    Recipe,
    StageChoice,
)
from ragstone_server.testing.conformance.catalog_samples import LATER, NAME, NOW
from ragstone_server.transport.convert.generations import (
    choice_from,
    generation_to,
    parse_generation,
    reindex_metadata,
)

RECORD = GenerationRecord(
    number=GenerationNumber(7),
    generation=Generation(embedder="e", chunker="c"),
    recipe=Recipe(
        embedder=StageChoice(
            use="onnx", config='{"model": "größer", "max_tokens": 64, "headers": {"x": ["env:A", 0.5]}}'
        ),
        chunker=StageChoice(use="structure", config="{}"),
    ),
    state=GenerationState.FORMER,
    created=NOW,
    activated=LATER,
)


def test_settings_come_back_as_they_were_written() -> None:
    """Whole numbers too, which the contract has as floating ones; in an order that does not matter."""
    wire = generation_to(NAME, RECORD)
    assert RECORD.recipe is not None
    back = choice_from(wire.embedder_choice)
    assert json.loads(back.config) == json.loads(RECORD.recipe.embedder.config)
    assert isinstance(json.loads(back.config)["max_tokens"], int)
    assert choice_from(wire.chunker_choice) == RECORD.recipe.chunker
    assert wire.name == f"{NAME}/generations/7"
    assert parse_generation(wire.name) == (NAME, 7)


def test_what_is_not_known_is_left_out() -> None:
    wire = generation_to(NAME, replace(RECORD, recipe=None, activated=None))
    assert not any(wire.HasField(field) for field in ("embedder_choice", "chunker_choice", "activate_time"))


@pytest.mark.parametrize("state", GenerationState)
def test_every_state_has_its_value(state: GenerationState) -> None:
    wire = generation_to(NAME, replace(RECORD, state=state))
    assert generation_pb2.GenerationState.Name(wire.state) == f"GENERATION_STATE_{state.upper()}"


def test_a_number_is_finite() -> None:
    for number in (math.nan, math.inf):
        config = Struct()
        config.update({"x": [number]})
        with pytest.raises(InvalidRequest, match="a setting of onnx: a number is finite"):
            choice_from(generation_pb2.StageChoice(use="onnx", config=config))


@pytest.mark.parametrize(
    "name", ["", f"{NAME}", f"{NAME}/generations/0", f"{NAME}/generations/01", f"{NAME}/prompts/1"]
)
def test_a_name_is_of_a_generation(name: str) -> None:
    with pytest.raises(InvalidName):
        parse_generation(name)


def test_before_it_is_begun_a_reindex_names_no_generation() -> None:
    parameters = {"collection": str(NAME)}
    assert reindex_metadata(operation_pb2.OperationInfo(), parameters, {}).generation == ""
    begun = reindex_metadata(operation_pb2.OperationInfo(), parameters, {"generation": 7, "done": 3, "total": 9})
    assert (begun.generation, begun.documents_done, begun.documents_total) == (f"{NAME}/generations/7", 3, 9)
