"""The formats that can be read, named by their MIME types."""

from enum import StrEnum


class Format(StrEnum):
    """A format as told by the content."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    XLS = "application/vnd.ms-excel"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    ODP = "application/vnd.oasis.opendocument.presentation"
    EPUB = "application/epub+zip"
    HTML = "text/html"
    XML = "application/xml"
    EMAIL = "message/rfc822"
    JSON = "application/json"
    MARKDOWN = "text/markdown"
    CSV = "text/csv"
    PLAIN = "text/plain"


_BY_SUFFIX = {
    "pdf": Format.PDF,
    "docx": Format.DOCX,
    "pptx": Format.PPTX,
    "xlsx": Format.XLSX,
    "xls": Format.XLS,
    "odt": Format.ODT,
    "ods": Format.ODS,
    "odp": Format.ODP,
    "epub": Format.EPUB,
    "html": Format.HTML,
    "htm": Format.HTML,
    "xhtml": Format.HTML,
    "xml": Format.XML,
    "eml": Format.EMAIL,
    "json": Format.JSON,
    "jsonl": Format.JSON,
    "ndjson": Format.JSON,
    "md": Format.MARKDOWN,
    "markdown": Format.MARKDOWN,
    "csv": Format.CSV,
    "tsv": Format.CSV,
    "txt": Format.PLAIN,
    "text": Format.PLAIN,
    "log": Format.PLAIN,
}
_BY_TYPE = {
    **{str(one): one for one in Format},
    "application/xhtml+xml": Format.HTML,
    "text/xml": Format.XML,
    "application/x-ndjson": Format.JSON,
    "application/jsonl": Format.JSON,
    "text/json": Format.JSON,
    "text/x-markdown": Format.MARKDOWN,
    "text/tab-separated-values": Format.CSV,
    "application/csv": Format.CSV,
}


def declared(filename: str | None, mime_type: str | None) -> Format | None:
    """What the producer says it is: by the name where that tells more than the type, which is often just `text/plain`."""
    suffix = (filename or "").rpartition(".")[2].lower()
    by_type = _BY_TYPE.get((mime_type or "").partition(";")[0].strip().lower())
    if by_type in (None, Format.PLAIN):
        return _BY_SUFFIX.get(suffix, by_type)
    return by_type


def charset(mime_type: str | None) -> str | None:
    """The `charset` parameter of a declared type."""
    for parameter in (mime_type or "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None
