"""Names what goes wrong with a provider. What it writes into an error reaches neither answers nor logs, its codes do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import aiohttp
from aiohttp.http_exceptions import ContentLengthError, TransferEncodingError

from ragstone_server.spi.chat_completions import fault_of, wait_of
from ragstone_server.spi.generator import Fault, GeneratorFailed, Usage

NOTHING_USED = Usage(input_tokens=0, output_tokens=0, estimated=True)
"""Where no model was reached."""
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_ENDED_EARLY = (ContentLengthError, TransferEncodingError)


@contextmanager
def named() -> Iterator[None]:
    """Turn the errors of the HTTP library into `GeneratorFailed`."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise _unreachable(f"no connection to the provider: {_innermost(error)}") from error
    except aiohttp.ServerTimeoutError as error:
        raise GeneratorFailed(Fault.STALLED, "the provider said nothing for too long") from error
    except aiohttp.ClientConnectionError as error:
        raise GeneratorFailed(Fault.CUT, "the connection to the provider broke") from error
    except aiohttp.ClientPayloadError as error:
        # The library has one error for a body that ends early and for one with broken framing; the cause tells.
        if isinstance(error.__cause__, aiohttp.http.HttpProcessingError) and not isinstance(
            error.__cause__, _ENDED_EARLY
        ):
            raise malformed("what the provider sent is not HTTP") from error
        raise GeneratorFailed(Fault.CUT, "the provider closed the connection early") from error
    except aiohttp.ClientResponseError as error:
        raise malformed("what the provider sent is not HTTP") from error
    except aiohttp.ClientError as error:
        raise _unreachable(f"no answer of the provider: {_innermost(error)}") from error


def _unreachable(why: str) -> GeneratorFailed:
    return GeneratorFailed(Fault.UNREACHABLE, why, usage=NOTHING_USED)


def malformed(what: str) -> GeneratorFailed:
    """What came is not the protocol."""
    return GeneratorFailed(Fault.MALFORMED, what)


def reported(error: object) -> GeneratorFailed:
    """The provider sent an error where an answer was to come."""
    return GeneratorFailed(Fault.REPORTED, f"the provider reported an error{codes_of(error)}")


def refused(status: int, error: object, retry_after: str | None, now: datetime) -> GeneratorFailed:
    """The provider answered with a status other than 200."""
    return GeneratorFailed(
        fault_of(status, error.get("code") if isinstance(error, dict) else None),
        f"the provider answered with status {status}{codes_of(error)}",
        retry_after_s=None if retry_after is None else wait_of(retry_after, now),
        usage=NOTHING_USED,
    )


def codes_of(error: object) -> str:
    """Type and code of an error object in brackets, where they look like codes; its message is never read."""
    if not isinstance(error, dict):
        return ""
    values = (error.get(key) for key in ("type", "code", "status"))
    codes = [str(value) for value in values if isinstance(value, str | int) and _CODE.fullmatch(str(value))]
    return f" ({', '.join(codes)})" if codes else ""


def _innermost(error: BaseException) -> str:
    """Name of the error that began it, as `ConnectionRefusedError`: it says what to look for, and names nobody."""
    seen = error
    while (cause := seen.__cause__ or seen.__context__) is not None:
        seen = cause
    return type(seen).__name__
