"""Settings that cannot work are refused at the start."""

import pytest
from pydantic import ValidationError

from ragstone_server.operations.settings import OperationsSettings


def test_a_runner_that_lives_is_heard_of_in_time() -> None:
    assert OperationsSettings(heartbeat_seconds=15).takeover_seconds == 30
    with pytest.raises(ValidationError, match="twice heartbeat_seconds"):
        OperationsSettings(heartbeat_seconds=16)
