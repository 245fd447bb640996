"""Failures of the stages that are not generators."""

from collections.abc import Iterator
from contextlib import contextmanager

from ragstone_plugins.litellm_provider.faults import ProviderFailed, named
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import StageFailed
from ragstone_server.spi.generator import Fault

_ADVICE = {
    Fault.UNAUTHORIZED: " Look at its api_key.",
    Fault.UNREACHABLE: " Look at its url, and whether it runs.",
    Fault.REJECTED: " Look at its model and its limits.",
}


@contextmanager
def failing(what: str, model: str, clock: Clock) -> Iterator[None]:
    """Turn what litellm raises into `StageFailed`, without a word of the provider."""
    try:
        with named(clock):
            yield
    except ProviderFailed as error:
        failed = error.failure
        raise StageFailed(
            f"{what} {model} failed: {failed.message}.{_ADVICE.get(failed.fault, '')}",
            retry_after_s=failed.retry_after_s,
        ) from None
