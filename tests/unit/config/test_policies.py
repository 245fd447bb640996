"""What may happen when a stage fails depends on the kind of stage."""

import pytest

from ragstone_server.app.stages import check_policies
from ragstone_server.config.errors import ConfigurationInvalid
from ragstone_server.registry.discovery import discover
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
