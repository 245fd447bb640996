"""The health of deployments, for operators."""

from ragstone.v1 import admin_service_pb2
from ragstone_server.routing.breaker import BreakerState
from ragstone_server.routing.deployment import DeploymentHealth

_STATES = {
    BreakerState.CLOSED: admin_service_pb2.BREAKER_STATE_CLOSED,
    BreakerState.OPEN: admin_service_pb2.BREAKER_STATE_OPEN,
    BreakerState.HALF_OPEN: admin_service_pb2.BREAKER_STATE_HALF_OPEN,
}


def deployment_to(health: DeploymentHealth) -> admin_service_pb2.DeploymentStatus:
    """How a deployment does."""
    return admin_service_pb2.DeploymentStatus(
        route=health.route,
        deployment=health.name,
        model=health.model,
        state=_STATES[health.state],
        consecutive_failures=health.failures,
        requests=health.requests,
        failed_requests=health.failed,
        last_fault=health.last_fault or "",
        input_tokens=health.input_tokens,
        output_tokens=health.output_tokens,
    )
