"""Titles that programs write where a person wrote none."""

import re

_SAYS_NOTHING = re.compile(
    r"(?:untitled|document|title|microsoft word - .*|[\w .-]+\.(?:docx?|pdf|jpe?g|png|tiff?|indd|xlsx?|pptx?|odt|ods|odp|html?))"
    r"|(?:sheet|tabelle|feuil|hoja|foglio|blad|slide)\s?\d+|[\W\d_]*",
    re.IGNORECASE | re.DOTALL,
)


def says_something(title: str) -> bool:
    """Whether a title is more than a file name, a number or a stand-in."""
    return not _SAYS_NOTHING.fullmatch(title.strip())
