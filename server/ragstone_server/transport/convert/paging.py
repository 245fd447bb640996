"""Page tokens: where the page before ended, as an opaque text."""

import base64
import binascii

from ragstone_server.spi.errors import InvalidRequest


def next_token(last: str) -> str:
    """The token that goes on after `last`."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def after_token(token: str) -> str:
    """Inverse of `next_token`; empty for an empty one. Raises `InvalidRequest`."""
    try:
        return base64.b64decode(token.encode("ascii"), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        what = "is none of ours; send `next_page_token` as a reply gave it"
        raise InvalidRequest.of_field("page_token", what) from error


def number_after(token: str) -> int | None:
    """The number at which a page ended, of a list in the order of numbers; None for the first page. Raises `InvalidRequest`."""
    text = after_token(token)
    if text and not (text.isascii() and text.isdecimal() and len(text) < 16):
        what = "is of another list; send `next_page_token` as a reply of this one gave it"
        raise InvalidRequest.of_field("page_token", what)
    return int(text) if text else None
