"""Finds plugins by their entry points.

pluggy's own loader skips a second equal name silently, and one failing import aborts it: the entry points are read here.
"""

import logging
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points

import pluggy

from ragstone_server.registry.offers import BrokenPlugin, Distribution, Offer, Offers
from ragstone_server.spi import hooks
from ragstone_server.spi.kinds import KINDS
from ragstone_server.spi.provider import Provider

logger = logging.getLogger(__name__)


def discover(points: Iterable[EntryPoint] | None = None) -> Offers:
    """Load every entry point of the group and collect what it offers. A broken one becomes a row, not an error."""
    offers: list[Offer] = []
    broken: list[BrokenPlugin] = []
    for point in entry_points(group=hooks.ENTRY_POINT_GROUP) if points is None else points:
        distribution = Distribution(
            name=point.dist.name if point.dist else "unknown", version=point.dist.version if point.dist else ""
        )
        try:
            offers.extend(_offers_of(point, distribution))
        except Exception as error:  # noqa: BLE001 - whatever a foreign plugin raises must not stop the others
            problem = f"{type(error).__name__}: {error}"
            logger.warning("plugin %s of %s is broken: %s", point.name, distribution, problem)
            broken.append(BrokenPlugin(entry_point=point.name, distribution=distribution, error=problem))
    return Offers(offers, broken)


def _offers_of(point: EntryPoint, distribution: Distribution) -> Iterator[Offer]:
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(point.load(), name=point.name)
    manager.check_pending()
    for kind in KINDS:
        for providers in getattr(manager.hook, kind.hook)():
            for provider in providers:
                if not isinstance(provider, Provider):
                    raise TypeError(f"{kind.hook} gave {type(provider).__name__}, not a Provider")
                yield Offer(kind=kind, provider=provider, distribution=distribution)
