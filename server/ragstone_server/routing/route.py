"""Routes: in which order deployments are tried."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from ragstone_server.routing.deployment import Deployment
from ragstone_server.routing.settings import MidStream
from ragstone_server.spi.errors import InvalidRequest
from ragstone_server.spi.generator import GenerateRequest

DEFAULT_ROUTE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A list of deployments, with what happens when one fails."""

    name: str
    deployments: tuple[Deployment, ...]
    mid_stream: MidStream = MidStream.RESTART
    callers_choose: bool = True
    by_name: bool = True
    """Whether a caller may name it."""
    retries: int = 0
    """Further rounds through the deployments while nothing was said."""

    def order(self, request: GenerateRequest, dice: random.Random) -> tuple[Deployment, ...]:
        """One with a weight begins, drawn by weight; the others follow as configured; those that cannot now come last."""
        ready = [deployment for deployment in self.deployments if deployment.wait(request) == 0]
        weighted = [deployment for deployment in ready if deployment.weight is not None]
        first = dice.choices(weighted, [deployment.weight or 0 for deployment in weighted])[:1] if weighted else []
        # None is left out: what was not ready may be so when its turn comes.
        rest = [each for each in (*ready, *self.deployments) if each not in first]
        return tuple(dict.fromkeys((*first, *rest)))

    def policy(self, wanted: MidStream | None) -> MidStream:
        """What holds for a request. Raises `InvalidRequest` where callers may not choose."""
        if wanted is None or wanted is self.mid_stream:
            return self.mid_stream
        if not self.callers_choose:
            what = f"route {self.name} does not let callers choose; it has {self.mid_stream}"
            raise InvalidRequest.of_field("mid_stream", what)
        return wanted


class Routes:
    """All routes by name; `default` is among them."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = dict(routes)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all routes, in their order."""
        return tuple(self._routes)

    def named(self, name: str) -> Route:
        """The route, or the default one where the name is empty."""
        return self._routes[name or DEFAULT_ROUTE]

    def named_by_caller(self, name: str) -> Route:
        """As `named`. Raises `InvalidRequest` where there is none that callers may name; they do not learn of the others."""
        route = self._routes.get(name or DEFAULT_ROUTE)
        if route is None or (name and not route.by_name):
            open_ones = ", ".join(sorted(name for name, route in self._routes.items() if route.by_name))
            what = f"there is no route {name!r} to choose; there are: {open_ones or 'none'}"
            raise InvalidRequest.of_field("route", what)
        return route

    def deployments(self) -> tuple[Deployment, ...]:
        """Of all routes, in their order."""
        return tuple(deployment for route in self._routes.values() for deployment in route.deployments)
