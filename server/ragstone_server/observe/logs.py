"""Structured logs on standard error: one line a record, never a word of a document or a question."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being served, for the records written meanwhile."""

OURS = ("ragstone_server", "ragstone_plugins")
"""Whose records the configured level is for; libraries speak up from warnings on."""

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class LogFormat(StrEnum):
    """How records look."""

    TEXT = "text"
    JSON = "json"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            fields["request_id"] = request_id.get()
        fields |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


class _Text(logging.Formatter):
    def usesTime(self) -> bool:  # noqa: N802 - logging's name
        return True

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        request = f" [{request_id.get()}]" if request_id.get() else ""
        return f"{record.asctime} {record.levelname} {record.name}{request}: {record.message}"


def configure(level: str, style: LogFormat) -> None:
    """Send the records of the process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style is LogFormat.JSON else _Text())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in OURS:
        logging.getLogger(ours).setLevel(level.upper())
