"""The figures that operators get: docs/metrics.md."""

from collections.abc import Callable, Iterable, Iterator

from ragstone_server.observe.metrics import Instrument, InstrumentKind, Value
from ragstone_server.routing.breaker import BreakerState
from ragstone_server.routing.deployment import DeploymentHealth
from ragstone_server.routing.route import Routes

_STATES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


def instruments_of(routes: Routes) -> tuple[Instrument, ...]:
    """How each deployment does."""

    def read(values: Callable[[DeploymentHealth], Iterable[Value]]) -> Callable[[], Iterable[Value]]:
        return lambda: [value for each in routes.deployments() for value in values(each.health())]

    return (
        Instrument(
            name="ragstone.deployment.breaker",
            kind=InstrumentKind.GAUGE,
            unit="1",
            description="State of the circuit breaker: 0 closed, 1 half open, 2 open.",
            read=read(lambda health: [_value(health, _STATES[health.state])]),
        ),
        Instrument(
            name="ragstone.deployment.requests",
            kind=InstrumentKind.COUNTER,
            unit="{request}",
            description="Answers asked of the deployment.",
            read=read(lambda health: [_value(health, health.requests)]),
        ),
        Instrument(
            name="ragstone.deployment.faults",
            kind=InstrumentKind.COUNTER,
            unit="{request}",
            description="Answers that failed, by what was wrong.",
            read=read(_faults),
        ),
        Instrument(
            name="gen_ai.client.token.usage",
            kind=InstrumentKind.COUNTER,
            unit="{token}",
            description="Tokens of prompts and of answers; estimated where the provider did not tell.",
            read=read(_tokens),
        ),
    )


def _faults(health: DeploymentHealth) -> Iterator[Value]:
    for fault, number in health.faults.items():
        yield _value(health, number, **{"error.type": fault})


def _tokens(health: DeploymentHealth) -> Iterator[Value]:
    yield _value(health, health.input_tokens, **{"gen_ai.token.type": "input"})
    yield _value(health, health.output_tokens, **{"gen_ai.token.type": "output"})


def _value(health: DeploymentHealth, value: float, **more: str) -> Value:
    named = {"ragstone.route": health.route, "ragstone.deployment": health.name, "gen_ai.request.model": health.model}
    return Value(value=value, attributes={**named, **more})
