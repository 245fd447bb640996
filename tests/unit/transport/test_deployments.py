"""The health of a deployment reaches the wire whole."""

from ragstone.v1 import admin_service_pb2
from ragstone_server.routing.breaker import BreakerState
from ragstone_server.routing.deployment import DeploymentHealth
from ragstone_server.spi.generator import Fault
from ragstone_server.transport.convert.deployments import deployment_to


def test_every_field_is_there() -> None:
    health = DeploymentHealth(
        route="default",
        name="one",
        model="small",
        state=BreakerState.HALF_OPEN,
        failures=1,
        requests=5,
        failed=2,
        last_fault=Fault.CUT,
        faults={"cut": 1},
        input_tokens=70,
        output_tokens=9,
    )
    assert deployment_to(health) == admin_service_pb2.DeploymentStatus(
        route="default",
        deployment="one",
        model="small",
        state=admin_service_pb2.BREAKER_STATE_HALF_OPEN,
        consecutive_failures=1,
        requests=5,
        failed_requests=2,
        last_fault="cut",
        input_tokens=70,
        output_tokens=9,
    )


def test_every_state_has_a_value() -> None:
    states = {admin_service_pb2.BreakerState.Name(value) for value in admin_service_pb2.BreakerState.values()}
    assert states - {"BREAKER_STATE_UNSPECIFIED"} == {f"BREAKER_STATE_{state.name}" for state in BreakerState}
