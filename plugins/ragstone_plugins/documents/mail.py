"""E-mail (RFC 5322 and MIME): who, when, about what, and the body."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from ragstone_plugins.documents.decode import decode
from ragstone_plugins.documents.html import parse_html, write_html
from ragstone_plugins.documents.html_prune import prune
from ragstone_plugins.documents.outcome import Failure, Refused, broken
from ragstone_plugins.documents.text import TextBuilder, one_line

_FIELDS = ("Subject", "From", "To", "Cc", "Date")
_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_ENVELOPED = "enveloped-data"
_MAX_DEPTH = 4


def read_mail(content: bytes, out: TextBuilder) -> str | None:
    """Write a message and those it forwards, name its attachments, and return its subject.

    Raises:
        Refused: ENCRYPTED.
    """
    try:
        message = message_from_bytes(content, policy=policy.default)
    except (ValueError, LookupError, AttributeError, IndexError) as error:
        raise broken(error) from error
    _write(message, out, 0)
    return _field(message, "Subject")


def _write(message: EmailMessage, out: TextBuilder, depth: int) -> None:
    kind = message.get_content_type()
    if kind in _ENCRYPTED and message.get_param("smime-type", _ENVELOPED) == _ENVELOPED:
        raise Refused(Failure.ENCRYPTED, kind)
    fields = [(name, _field(message, name)) for name in _FIELDS]
    out.paragraph("\n".join(f"{name}: {value}" for name, value in fields if value))
    _write_body(message, out)
    for part in message.iter_attachments() if message.is_multipart() else ():
        forwarded = next(iter(part.iter_parts()), None) if part.get_content_type() == "message/rfc822" else None
        if isinstance(forwarded, EmailMessage) and depth < _MAX_DEPTH:
            _write(forwarded, out, depth + 1)
        elif part.get_filename():
            out.paragraph(f"Attachment: {one_line(part.get_filename() or '')}")


def _write_body(message: EmailMessage, out: TextBuilder) -> None:
    """The plain body, or the one in HTML where that is all there is."""
    for kind in ("plain", "html"):
        body = message.get_body(preferencelist=(kind,))
        text = _text(body) if isinstance(body, EmailMessage) else ""
        if text.strip():
            if kind == "html":
                write_html(prune(parse_html(text.encode("utf-8", "replace"))), out)
            else:
                out.paragraph(text)
            return


def _text(part: EmailMessage) -> str:
    """The decoded content of a part; one in an encoding that it states wrongly is judged by its bytes."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes) or not payload:
        return ""
    try:
        return decode(payload, part.get_content_charset())
    except Refused:
        return payload.decode("ascii", "replace")


def _field(message: EmailMessage, name: str) -> str | None:
    try:
        value = message.get(name)
        return one_line(str(value)) or None if value is not None else None
    except (ValueError, LookupError, AttributeError, IndexError):
        # The standard library stumbles over some malformed fields; the rest of the message stands.
        return None
