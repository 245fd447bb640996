"""Names what goes wrong with a provider. What it wrote into an error reaches neither answers nor logs.

litellm wraps an error several times and renames most of them, so the errors behind it are read, by the names of their classes.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from ragstone_server.spi.chat_completions import fault_of, wait_of
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.generator import Fault

_DEEPEST = 16
_CONNECTING = frozenset({"httpx.ConnectError", "httpx.ConnectTimeout", "httpx.PoolTimeout", "httpx.ProxyError"})
_SILENCE = frozenset({"httpx.TimeoutException", "openai.APITimeoutError"})
_BROKEN = frozenset({"httpx.NetworkError"})
_FRAMING = frozenset({"httpx.RemoteProtocolError", "httpx.DecodingError"})
_ENDED_EARLY = ("peer closed", "disconnected")
_REFUSALS = frozenset({"httpx.HTTPStatusError", "openai.APIStatusError"})
_NO_JSON = (json.JSONDecodeError, UnicodeDecodeError)
_NOT_THE_PROTOCOL = frozenset({"openai.APIResponseValidationError", "pydantic_core.ValidationError"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What happened, in words of ours."""

    fault: Fault
    message: str
    retry_after_s: float | None = None


class ProviderFailed(Exception):
    """A request of litellm failed. What it is raised from holds text of the provider, and goes no further."""

    def __init__(self, failed: Failure) -> None:
        super().__init__(failed.message)
        self.failure = failed


@contextmanager
def named(clock: Clock, *, begun: bool = False) -> Iterator[None]:
    """Turn what litellm raises into `ProviderFailed`; errors of ours pass."""
    try:
        yield
    except RagstoneError:
        raise
    except Exception as error:  # the library raises nothing narrower
        raise ProviderFailed(failure(error, clock.now(), begun=begun)) from error


def failure(error: BaseException, now: datetime, *, begun: bool = False) -> Failure:
    """Read an error of litellm; `begun`: the provider had already answered that it will answer."""
    chain = tuple(_chain(error))
    return (
        _transport(chain)
        or _refusal(chain, now)
        or _silence(chain)
        or _protocol(chain)
        or _by_status(error, chain, now, begun=begun)
    )


def _transport(chain: tuple[BaseException, ...]) -> Failure | None:
    for error in chain:
        names = _names(error)
        if names & _CONNECTING:
            return Failure(
                fault=Fault.UNREACHABLE, message=f"no connection to the provider: {type(chain[-1]).__name__}"
            )
        if names & _BROKEN:
            return Failure(fault=Fault.CUT, message="the connection to the provider broke")
        if names & _FRAMING:
            # The library has one error for both; only its message tells an end that came early from broken framing.
            if any(words in str(error) for words in _ENDED_EARLY):
                return Failure(fault=Fault.CUT, message="the provider closed the connection early")
            return Failure(fault=Fault.MALFORMED, message="what the provider sent is not HTTP")
    return None


def _refusal(chain: tuple[BaseException, ...], now: datetime) -> Failure | None:
    for error in chain:
        if not _names(error) & _REFUSALS or type(error).__module__.startswith("litellm"):
            continue  # litellm's own derive from openai's, and invent a response
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(status, int):
            wait = _retry_after(chain, now)
            return Failure(
                fault=fault_of(status, _code(chain)),
                message=f"the provider answered with status {status}",
                retry_after_s=wait,
            )
    return None


def _code(chain: tuple[BaseException, ...]) -> object:
    """Of the provider's error; litellm tells a filter by a class, and by more than codes."""
    if any("litellm.ContentPolicyViolationError" in _names(error) for error in chain):
        return "content_filter"
    return next((code for error in chain if isinstance(code := getattr(error, "code", None), str)), None)


def _silence(chain: tuple[BaseException, ...]) -> Failure | None:
    if any(_names(error) & _SILENCE for error in chain):
        return Failure(fault=Fault.STALLED, message="the provider said nothing for too long")
    return None


def _protocol(chain: tuple[BaseException, ...]) -> Failure | None:
    for error in chain:
        if isinstance(error, _NO_JSON):
            return Failure(fault=Fault.MALFORMED, message="what the provider sent is no JSON")
        if _names(error) & _NOT_THE_PROTOCOL:
            return Failure(fault=Fault.MALFORMED, message="what the provider sent has another shape")
        if type(error).__module__.startswith("openai") and type(error).__name__ == "APIError":
            return Failure(fault=Fault.REPORTED, message="the provider reported an error")
    return None


def _by_status(error: BaseException, chain: tuple[BaseException, ...], now: datetime, *, begun: bool) -> Failure:
    """Nothing behind it is known: litellm itself refused, or read an error within an answer."""
    status = getattr(error, "status_code", None)
    if begun:
        return Failure(fault=Fault.REPORTED, message="the provider reported an error")
    if not isinstance(status, int) or "openai.APIConnectionError" in _names(error):
        return Failure(fault=Fault.MALFORMED, message=f"litellm could not read the answer: {type(chain[-1]).__name__}")
    what = "litellm refused the request" if status < 500 else "the provider failed"
    return Failure(
        fault=fault_of(status), message=f"{what}: {type(error).__name__}", retry_after_s=_retry_after(chain, now)
    )


def _retry_after(chain: tuple[BaseException, ...], now: datetime) -> float | None:
    for error in chain:
        headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None) or {}
        value = headers.get("retry-after") if hasattr(headers, "get") else None
        if isinstance(value, str) and (wait := wait_of(value, now)) is not None:
            return wait
    return None


def _names(error: BaseException) -> frozenset[str]:
    """Its classes as `distribution.Class`: they are compared without importing what they come from."""
    return frozenset(f"{each.__module__.partition('.')[0]}.{each.__name__}" for each in type(error).__mro__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those behind it, the first cause last."""
    seen: BaseException | None = error
    for _ in range(_DEEPEST):
        if seen is None:
            return
        yield seen
        original = getattr(seen, "original_exception", None)
        seen = original if isinstance(original, BaseException) else seen.__cause__ or seen.__context__
