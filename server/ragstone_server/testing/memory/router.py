"""A router that always takes the default route."""

from ragstone_server.spi.router import RouteChoice, RouteRequest


async def memory_router(request: RouteRequest, /) -> RouteChoice:
    """Take the route `default`. Fits `spi.router.Router`."""
    return RouteChoice(route="default", why="there is no other")
