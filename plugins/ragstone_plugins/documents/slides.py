"""PPTX, through python-pptx."""

import io
from collections.abc import Iterator
from typing import Any

from pptx import Presentation
from pptx.shapes.group import GroupShape

from ragstone_plugins.documents.outcome import broken
from ragstone_plugins.documents.text import TextBuilder, one_line

_STANDARD_TITLES = frozenset({"powerpoint presentation", "presentation", "slide 1", "powerpoint-präsentation"})
_NO_PART = (KeyError, ValueError, AttributeError, NotImplementedError, TypeError)


def read_pptx(content: bytes, out: TextBuilder) -> str | None:
    """Write the slides that are shown, each a page with its notes, and return the title.

    Raises:
        Refused: BROKEN.
    """
    try:
        deck = Presentation(io.BytesIO(content))
        slides = list(deck.slides)
        title = one_line(deck.core_properties.title or "")
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise broken(error) from error
    for number, slide in enumerate(slides, start=1):
        if slide.element.get("show") != "0":
            out.page(number)
            _write_slide(slide, out)
    return title if title and title.lower() not in _STANDARD_TITLES else None


def _write_slide(slide: Any, out: TextBuilder) -> None:
    heading = slide.shapes.title
    if heading is not None and heading.has_text_frame:
        out.heading(1, heading.text_frame.text)
    for shape in _flat(slide.shapes):
        if heading is None or shape.shape_id != heading.shape_id:
            _write_shape(shape, out)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text
        if notes.strip():
            out.paragraph(f"Notes: {notes}")


def _flat(shapes: Any) -> Iterator[Any]:
    """All shapes, those of groups in place of the group."""
    for shape in shapes:
        if isinstance(shape, GroupShape):
            yield from _flat(shape.shapes)
        else:
            yield shape


def _write_shape(shape: Any, out: TextBuilder) -> None:
    if shape.has_text_frame:
        for paragraph in shape.text_frame.paragraphs:
            text = "".join(run.text for run in paragraph.runs) or paragraph.text
            if shape.is_placeholder:
                out.item(text, depth=paragraph.level)
            else:
                out.paragraph(paragraph.text)
    elif getattr(shape, "has_table", False):
        out.table([[cell.text for cell in row.cells] for row in shape.table.rows])
    elif getattr(shape, "has_chart", False):
        _write_chart(shape.chart, out)


def _write_chart(chart: Any, out: TextBuilder) -> None:
    """The figures behind a chart, as far as the file holds them."""
    try:
        if chart.has_title and chart.chart_title.has_text_frame:
            out.paragraph(chart.chart_title.text_frame.text)
        plot = chart.plots[0]
        categories = [str(category) for category in plot.categories]
        series = [(one.name, [_number(value) for value in one.values]) for one in plot.series]
    except _NO_PART:
        # The text around the chart is worth more than its figures.
        return
    rows = [
        [category, *(values[at] if at < len(values) else "" for _, values in series)]
        for at, category in enumerate(categories)
    ]
    out.table([["", *(name for name, _ in series)], *rows])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"
