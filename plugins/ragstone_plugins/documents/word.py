"""DOCX, through mammoth."""

import io
from typing import Any

import mammoth

from ragstone_plugins.documents.archive import Archive
from ragstone_plugins.documents.html import parse_html, write_html
from ragstone_plugins.documents.ooxml import title_of
from ragstone_plugins.documents.outcome import broken
from ragstone_plugins.documents.text import TextBuilder

_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name^='Code'] => pre:separator('\\n')
p[style-name='Source Code'] => pre:separator('\\n')
p[style-name='HTML Preformatted'] => pre:separator('\\n')
"""


def read_docx(content: bytes, archive: Archive, out: TextBuilder) -> str | None:
    """Write a document and return its title. Pages are made by the word processor, not the file, so there are none.

    Raises:
        Refused: BROKEN.
    """
    title = title_of(archive, "docProps/core.xml")
    try:
        result = mammoth.convert_to_html(
            io.BytesIO(content), convert_image=_no_image, style_map=_STYLES, external_file_access=False
        )
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise broken(error) from error
    write_html(parse_html(result.value.encode()), out)
    return title


def _no_image(_image: Any) -> list[Any]:
    """Images are not opened: they may lie anywhere on the network."""
    return []
