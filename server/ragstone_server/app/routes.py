"""Routes of deployments, opened and governed as the configuration says."""

from collections.abc import Mapping, Sequence
from itertools import chain, count
from typing import Any, NamedTuple

from ragstone_server.app.configuration import Configuration
from ragstone_server.config.errors import ConfigurationInvalid, Problem
from ragstone_server.config.validation import validated
from ragstone_server.pipelines.abstaining import abstaining
from ragstone_server.pipelines.prompting import NO_ANSWER_MARK
from ragstone_server.registry.offers import Offers, PluginNotFound
from ragstone_server.registry.registry import Registry
from ragstone_server.routing.allowance import Allowance
from ragstone_server.routing.breaker import Breaker
from ragstone_server.routing.deployment import Deployment
from ragstone_server.routing.price import FREE
from ragstone_server.routing.route import DEFAULT_ROUTE, Route, Routes
from ragstone_server.routing.settings import DeploymentSettings, RouteSettings
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.generator import Fault, GenerateRequest, GenerationEvent, Generator, GeneratorFailed, Window
from ragstone_server.spi.kinds import GENERATOR
from ragstone_server.spi.stages import StreamStage
from ragstone_server.wrappers.bounded import bounded_stream
from ragstone_server.wrappers.deadline import with_deadline_stream
from ragstone_server.wrappers.policy import FAIL
from ragstone_server.wrappers.stalled import not_stalled

Stream = StreamStage[GenerateRequest, GenerationEvent]


def check_routes(offers: Offers, routes: Mapping[str, RouteSettings]) -> None:
    """Validate what each deployment hands to its provider. Raises `ConfigurationInvalid` with every problem found."""
    problems: list[Problem] = []
    for name, route in routes.items():
        for i, deployment in enumerate(route.deployments):
            where = f"routes.{name}.deployments[{i}]"
            try:
                provider = offers.find(GENERATOR, deployment.provider).provider
                validated(provider.config, _own(provider.config.model_fields, deployment), where)
            except ConfigurationInvalid as error:
                problems += error.problems
            except PluginNotFound as error:
                problems.append(Problem(where=f"{where}.provider", what=error.message))
    if problems:
        raise ConfigurationInvalid(*problems)


async def open_routes(configuration: Configuration, registry: Registry, clock: Clock) -> Routes:
    """Every route of the configuration; without any, one that asks the selected generator and its replacement."""
    opening = _Opening(configuration, registry, clock)
    if configuration.routes:
        return Routes({name: await opening.route(name, route) for name, route in configuration.routes.items()})
    policy = configuration.policies[GENERATOR.name]
    selected = configuration.selections[GENERATOR.name]
    uses = [(selected.use, selected.config)]
    if policy.on_failure not in (None, FAIL):
        uses.append((str(policy.on_failure), {}))
    # Nothing is timed but the caller's deadline, and nothing tried twice: it may well run in this process.
    deployments = tuple(DeploymentSettings(provider=use, name=use) for use, _ in uses)
    settings = RouteSettings(deployments=deployments, retries=0)
    generators = [await registry.open_other(GENERATOR, use, config) for use, config in uses]
    answering = [_answering(generator, generator) for generator in generators]
    return Routes({DEFAULT_ROUTE: opening.governed(DEFAULT_ROUTE, settings, answering)})


class Place(NamedTuple):
    """Where a deployment stands."""

    route: str
    name: str


class Answering(NamedTuple):
    """A generator with the concerns around it."""

    model: str
    stream: Stream
    window: Window | None
    metered: bool
    writes_json: bool


def _answering(generator: Generator, stream: Stream) -> Answering:
    """The generator's facts, with the stream around it."""
    return Answering(generator.model, stream, generator.window, generator.metered, generator.writes_json)


class _Opening:
    def __init__(self, configuration: Configuration, registry: Registry, clock: Clock) -> None:
        self._policy = configuration.policies[GENERATOR.name]
        self._max_output_tokens = configuration.answer.max_output_tokens
        self._registry = registry
        self._clock = clock

    async def route(self, name: str, settings: RouteSettings) -> Route:
        answering: list[Answering] = []
        for deployment in settings.deployments:
            fields = self._registry.offers.find(GENERATOR, deployment.provider).provider.config.model_fields
            own = _own(fields, deployment)
            generator = await self._registry.open_other(GENERATOR, deployment.provider, own)
            stream = not_stalled(generator, settings.first_token_seconds, settings.stall_seconds, _stalled)
            stream = abstaining(stream, NO_ANSWER_MARK)
            answering.append(_answering(generator, stream))
        return self.governed(name, settings, answering)

    def governed(self, name: str, settings: RouteSettings, answering: Sequence[Answering]) -> Route:
        deployments = zip(settings.deployments, answering, strict=True)
        names = _names(settings.deployments, [each.model for each in answering])
        return Route(
            name=name,
            deployments=tuple(
                self._deployment(Place(name, own), settings, each, answering)
                for own, (each, answering) in zip(names, deployments, strict=True)
            ),
            mid_stream=settings.mid_stream,
            callers_choose=settings.callers_choose,
            by_name=settings.by_name,
            retries=settings.retries,
        )

    def _deployment(
        self, place: Place, settings: RouteSettings, mine: DeploymentSettings, answering: Answering
    ) -> Deployment:
        policy, clock, stream = self._policy, self._clock, answering.stream
        if answering.window is not None and answering.window.tokens <= self._max_output_tokens:
            raise StartError(
                f"The model {place.name} of route {place.route} has a window of {answering.window.tokens} tokens, of which"
                f" answer.max_output_tokens = {self._max_output_tokens} leaves none for a prompt; lower it, or check `window`."
            )
        for limit in (mine.concurrency, policy.concurrency):
            if limit is not None:
                stream = bounded_stream(stream, limit)
        stream = with_deadline_stream(stream, GENERATOR.name, clock, policy.deadline_share, policy.timeout_seconds)
        return Deployment(
            route=place.route,
            name=place.name,
            model=answering.model,
            generator=stream,
            breaker=Breaker(clock, settings.breaker_failures, settings.breaker_seconds),
            allowance=Allowance(clock, mine.requests_per_minute, mine.tokens_per_minute),
            weight=mine.weight,
            prefill=mine.prefill,
            window=answering.window,
            price=mine.price or (None if answering.metered else FREE),
            writes_json=answering.writes_json,
        )


def _names(deployments: Sequence[DeploymentSettings], models: Sequence[str]) -> list[str]:
    """A name each: its own, or its model's, with a number where that is taken."""
    names: list[str] = []
    taken = {deployment.name for deployment in deployments}
    for deployment, model in zip(deployments, models, strict=True):
        numbered = (f"{model}#{number}" for number in count(2))
        name = deployment.name or next(name for name in chain((model,), numbered) if name not in taken)
        taken.add(name)
        names.append(name)
    return names


def _stalled() -> GeneratorFailed:
    return GeneratorFailed(Fault.STALLED, "the model said nothing for too long")


def _own(fields: Mapping[str, Any], deployment: DeploymentSettings) -> dict[str, object]:
    """What the provider gets: what the route does not know, and what both know."""
    shared = {key for key in DeploymentSettings.model_fields if key in fields} & deployment.model_fields_set
    return {**deployment.own, **{key: getattr(deployment, key) for key in shared}}
