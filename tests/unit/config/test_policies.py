"""Which policies a stage obeys, and what may happen when it fails, depends on its kind."""

import pytest

from ragstone_server.app.policies import POLICY_KEYS, check_policies
from ragstone_server.config.errors import ConfigurationInvalid
from ragstone_server.registry.discovery import discover
from ragstone_server.spi.kinds import KINDS
from ragstone_server.wrappers.policy import StagePolicy


@pytest.mark.parametrize(
    ("kind", "on_failure"),
    [
        ("generator", "skip"),
        ("fuser", "skip"),
        ("vector_index", "nonexistent"),
        ("parser", "skip"),
        ("reranker", "none"),
    ],
)
def test_an_on_failure_that_does_not_fit_is_refused(kind: str, on_failure: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=f"{kind}.on_failure"):
        check_policies(discover(), {kind: StagePolicy(on_failure=on_failure)})


@pytest.mark.parametrize(
    ("kind", "on_failure"),
    [("generator", "fail"), ("fuser", "reciprocal_rank"), ("vector_index", "skip"), ("rewriter", "skip")],
)
def test_one_that_fits_is_taken(kind: str, on_failure: str) -> None:
    check_policies(discover(), {kind: StagePolicy(on_failure=on_failure)})


EXAMPLES: dict[str, object] = {
    "deadline_share": 0.5,
    "timeout_seconds": 1.0,
    "concurrency": 2,
    "retries": 1,
    "on_failure": "fail",
}
PAIRS = [(kind.name, key) for kind in KINDS for key in EXAMPLES]


def test_every_policy_has_an_example_and_every_kind_its_keys() -> None:
    assert set(EXAMPLES) == set(StagePolicy.model_fields)
    assert set(POLICY_KEYS) == {kind.name for kind in KINDS}


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, key in PAIRS if key not in POLICY_KEYS[kind]])
def test_a_policy_that_would_have_no_effect_is_refused_with_those_that_have_one(kind: str, key: str) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        check_policies(discover(), {kind: StagePolicy.model_validate({key: EXAMPLES[key]})})
    [problem] = caught.value.problems
    assert problem.where == f"{kind}.{key}"
    assert all(known in problem.what for known in POLICY_KEYS[kind] or {"it knows none"})


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, key in PAIRS if key in POLICY_KEYS[kind]])
def test_a_policy_that_has_an_effect_is_taken(kind: str, key: str) -> None:
    check_policies(discover(), {kind: StagePolicy.model_validate({key: EXAMPLES[key]})})


@pytest.mark.parametrize("kind", ["parser", "chunker", "embedder", "catalog"])
def test_no_policy_is_applied_to_what_a_document_passes_nor_to_the_catalog(kind: str) -> None:
    assert POLICY_KEYS[kind] == frozenset()


def test_every_problem_of_every_kind_is_named() -> None:
    policies = {
        "generator": StagePolicy(retries=2, on_failure="skip"),
        "parser": StagePolicy(timeout_seconds=1, concurrency=1),
    }
    with pytest.raises(ConfigurationInvalid) as caught:
        check_policies(discover(), policies)
    assert sorted(problem.where for problem in caught.value.problems) == [
        "generator.on_failure",
        "generator.retries",
        "parser.concurrency",
        "parser.timeout_seconds",
    ]
