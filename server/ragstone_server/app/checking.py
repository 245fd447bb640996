"""Whether a configuration can be served, without opening anything."""

from collections.abc import Callable
from functools import partial

from ragstone_server.app.configuration import Configuration
from ragstone_server.app.policies import check_policies
from ragstone_server.app.routes import check_routes
from ragstone_server.config.errors import ConfigurationInvalid, Problem
from ragstone_server.registry.offers import Offers
from ragstone_server.registry.registry import check_selections
from ragstone_server.spi.kinds import GENERATOR


def check(offers: Offers, configuration: Configuration) -> None:
    """Raises `ConfigurationInvalid` with every problem found."""
    selections = dict(configuration.selections)
    if configuration.routes:
        del selections[GENERATOR.name]  # it stands for the routes, where its mistakes are told
    checks: tuple[Callable[[], None], ...] = (
        partial(check_selections, offers, selections),
        partial(check_policies, offers, configuration.policies),
        partial(check_routes, offers, configuration.routes),
    )
    problems: list[Problem] = []
    for each in checks:
        try:
            each()
        except ConfigurationInvalid as error:
            problems += error.problems
    if problems:
        raise ConfigurationInvalid(*problems)
