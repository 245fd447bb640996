"""Routes: in which order deployments are tried."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from ragstone_server.routing.deployment import Deployment
from ragstone_server.routing.settings import MidStream
from ragstone_server.spi.errors import InvalidRequest
from ragstone_server.spi.generator import AnswerFormat, GenerateRequest

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

    def can(self, answer_format: AnswerFormat) -> bool:
        """Whether one of its deployments writes answers of this format."""
        return any(deployment.can(answer_format) for deployment in self.deployments)

    def order(self, request: GenerateRequest, dice: random.Random) -> tuple[Deployment, ...]:
        """One with a weight begins, drawn by weight; the others follow as configured; those that cannot now come last.

        Those that do not write the format of the answer are passed over.
        """
        able = [deployment for deployment in self.deployments if deployment.can(request.sampling.format)]
        ready = [deployment for deployment in able if deployment.wait(request) == 0]
        weighted = [deployment for deployment in ready if deployment.weight is not None]
        first = dice.choices(weighted, [deployment.weight or 0 for deployment in weighted])[:1] if weighted else []
        # None is left out: what was not ready may be so when its turn comes.
        rest = [each for each in (*ready, *able) if each not in first]
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

    def writing(self, answer_format: AnswerFormat) -> tuple[str, ...]:
        """Names of the routes that write answers of this format, in their order."""
        return tuple(name for name, route in self._routes.items() if route.can(answer_format))

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

    def check_format(self, name: str, answer_format: AnswerFormat) -> None:
        """Raises `InvalidRequest` where the named route does not write the format; without a name, where none does."""
        able = self.writing(answer_format)
        if name in able or (able and not name):
            return
        named = ", ".join(sorted(each for each in able if self._routes[each].by_name))
        where = f"route {name!r}" if named else "this server"
        advice = f"name another route ({named})" if named else "ask for text"
        raise InvalidRequest.of_field("format", f"no model of {where} writes {answer_format.upper()}; {advice}")

    def deployments(self) -> tuple[Deployment, ...]:
        """Of all routes, in their order."""
        return tuple(deployment for route in self._routes.values() for deployment in route.deployments)
