"""Write the DOCX and PDF documents of the handbook from the Markdown in `sources/`.

    python make_documents.py

It needs python-docx and reportlab (`pip install python-docx reportlab`); nothing else
in the repository needs them, because the finished documents are kept in `documents/`.

A source begins with a front matter (output, title, author, subject, date) and uses a
small part of Markdown: headings, paragraphs, lists, tables, *italics*, **bold**, and
`<!-- page -->` for a page break. The same versions of the libraries write the same bytes:
all time stamps come from the front matter.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

import docx
from docx.enum.text import WD_BREAK
from docx.shared import Pt
from docx.text.paragraph import Paragraph as DocxParagraph
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "sources"
DOCUMENTS = HERE / "documents"
COMPANY = "Halvern Sound Ferries and Harbour Company"

BlockKind = Literal["heading", "paragraph", "bullet", "number", "table", "page"]

HEADING = re.compile(r"(#{1,4}) (.+)")
NUMBERED = re.compile(r"\d+\. (.+)")
EMPHASIS = re.compile(r"(\*\*.+?\*\*|\*.+?\*)")


class SourceError(ValueError):
    """A source file does not have the form which this script understands."""


@dataclass(frozen=True)
class Block:
    """One block of a document; which fields count depends on the kind."""

    kind: BlockKind
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Source:
    """A parsed source file."""

    output: str
    title: str
    author: str
    subject: str
    date: datetime
    blocks: tuple[Block, ...]


def parse_source(text: str) -> Source:
    """Parse a front matter and the body which follows it."""
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0]:
        raise SourceError("the front matter is missing")
    fields: dict[str, str] = {}
    for line in parts[1].splitlines():
        key, separator, value = line.partition(":")
        if not separator:
            raise SourceError(f"not a field of the front matter: {line!r}")
        fields[key.strip()] = value.strip()
    missing = {"output", "title", "author", "subject", "date"} - fields.keys()
    if missing:
        raise SourceError(f"the front matter lacks {', '.join(sorted(missing))}")
    return Source(
        output=fields["output"],
        title=fields["title"],
        author=fields["author"],
        subject=fields["subject"],
        date=datetime.fromisoformat(fields["date"]).replace(hour=9, tzinfo=UTC),
        blocks=tuple(block for part in re.split(r"\n\s*\n", parts[2]) for block in parse_part(part)),
    )


def parse_part(part: str) -> list[Block]:
    """Parse the lines between two empty lines."""
    lines = [line.strip() for line in part.strip().splitlines()]
    if not lines:
        return []
    if lines == ["<!-- page -->"]:
        return [Block("page")]
    if len(lines) == 1 and (heading := HEADING.fullmatch(lines[0])):
        return [Block("heading", heading[2], level=len(heading[1]))]
    if lines[0].startswith("|"):
        return [Block("table", rows=parse_table(lines))]
    if all(line.startswith("- ") for line in lines):
        return [Block("bullet", line[2:]) for line in lines]
    numbered = [match[1] for line in lines if (match := NUMBERED.fullmatch(line))]
    if len(numbered) == len(lines):
        return [Block("number", text) for text in numbered]
    return [Block("paragraph", " ".join(lines))]


def parse_table(lines: list[str]) -> tuple[tuple[str, ...], ...]:
    """Parse a pipe table; the second line only separates the header from the rows."""
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    if len(rows) < 3 or len({len(row) for row in rows}) != 1:
        raise SourceError(f"not a rectangular table: {lines[0]}")
    return (rows[0], *rows[2:])


def split_emphasis(text: str) -> list[tuple[str, str]]:
    """Split a text into runs, each with its mark: '', 'i' or 'b'."""
    runs: list[tuple[str, str]] = []
    for run in EMPHASIS.split(text):
        if run.startswith("**"):
            runs.append((run[2:-2], "b"))
        elif run.startswith("*"):
            runs.append((run[1:-1], "i"))
        elif run:
            runs.append((run, ""))
    return runs


# --- DOCX ---------------------------------------------------------------------------------


def add_runs(paragraph: DocxParagraph, text: str, *, bold: bool = False) -> None:
    """Add a text to a paragraph, one run for each change of emphasis."""
    for run_text, mark in split_emphasis(text):
        run = paragraph.add_run(run_text)
        run.bold = True if bold or mark == "b" else None
        run.italic = True if mark == "i" else None


def render_docx(source: Source) -> bytes:
    """Render a source with real heading, list and table styles."""
    document = docx.Document()
    properties = document.core_properties
    properties.title = source.title
    properties.author = source.author
    properties.last_modified_by = source.author
    properties.subject = source.subject
    properties.comments = ""
    properties.created = properties.modified = source.date.replace(tzinfo=None)
    document.styles["Normal"].font.size = Pt(11)
    footer = document.sections[0].footer.paragraphs[0]
    footer.text = f"{COMPANY} - {source.title}"
    for block in source.blocks:
        if block.kind == "heading" and block.level == 1:
            document.add_heading(block.text, level=0)
        elif block.kind == "heading":
            document.add_heading(block.text, level=block.level - 1)
        elif block.kind == "table":
            table = document.add_table(rows=0, cols=len(block.rows[0]), style="Light Grid Accent 1")
            for number, row in enumerate(block.rows):
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    add_runs(cell.paragraphs[0], text, bold=number == 0)
            document.add_paragraph()
        elif block.kind == "page":
            document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
        else:
            style = {"bullet": "List Bullet", "number": "List Number"}.get(block.kind)
            add_runs(document.add_paragraph(style=style), block.text)
    buffer = io.BytesIO()
    document.save(buffer)
    return with_fixed_times(buffer.getvalue(), source.date)


def with_fixed_times(archive: bytes, date: datetime) -> bytes:
    """Write a ZIP archive again with one time stamp for all members."""
    stamp = (date.year, date.month, date.day, date.hour, 0, 0)
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for name in old.namelist():
            if name.startswith("docProps/thumbnail"):  # of the library's template, not of ours
                continue
            member = zipfile.ZipInfo(name, stamp)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            new.writestr(member, without_thumbnail(name, old.read(name)))
    return buffer.getvalue()


def without_thumbnail(name: str, content: bytes) -> bytes:
    """Drop the relationship to the template's thumbnail picture."""
    if name != "_rels/.rels":
        return content
    return re.sub(rb"<Relationship [^>]*thumbnail[^>]*/>", b"", content)


# --- PDF ----------------------------------------------------------------------------------


def pdf_styles() -> dict[str, ParagraphStyle]:
    """The paragraph styles by the names which the renderer uses."""
    base = getSampleStyleSheet()["Normal"]
    body = ParagraphStyle("body", parent=base, fontSize=10.5, leading=15, spaceAfter=7)
    styles = {
        "paragraph": body,
        "bullet": ParagraphStyle("bullet", parent=body, leftIndent=14, bulletIndent=2, spaceAfter=3),
        "cell": ParagraphStyle("cell", parent=base, fontSize=9.5, leading=12),
        "head": ParagraphStyle("head", parent=base, fontSize=9.5, leading=12, fontName="Helvetica-Bold"),
    }
    for level, size in ((1, 20.0), (2, 14.0), (3, 11.5)):
        styles[f"heading{level}"] = ParagraphStyle(
            f"heading{level}",
            parent=base,
            fontName="Helvetica-Bold",
            fontSize=size,
            leading=size * 1.25,
            spaceBefore=size * 0.6,
            spaceAfter=size * 0.4,
            keepWithNext=1,
        )
    return styles


def pdf_markup(text: str) -> str:
    """Turn a text into the small XML which reportlab's paragraphs take."""
    return "".join(f"<{mark}>{escape(run)}</{mark}>" if mark else escape(run) for run, mark in split_emphasis(text))


def pdf_table(block: Block, styles: dict[str, ParagraphStyle], width: float) -> Table:
    """Lay out a table whose columns share the width by their longest cells."""
    longest = [max(len(row[column]) for row in block.rows) for column in range(len(block.rows[0]))]
    weights = [min(max(length, 8), 40) for length in longest]
    widths = [width * weight / sum(weights) for weight in weights]
    cells = [
        [Paragraph(pdf_markup(text), styles["head" if number == 0 else "cell"]) for text in row]
        for number, row in enumerate(block.rows)
    ]
    table = Table(cells, colWidths=widths, repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.4, colors.HexColor("#8aa0ad")),
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#e3edf3")),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table


def render_pdf(source: Source) -> bytes:
    """Render a source as a PDF with page numbers and document properties."""
    styles = pdf_styles()
    width = A4[0] - 50 * mm
    story: list[Flowable] = []
    number = 0
    for block in source.blocks:
        number = number + 1 if block.kind == "number" else 0
        if block.kind == "heading":
            story.append(Paragraph(pdf_markup(block.text), styles[f"heading{min(block.level, 3)}"]))
        elif block.kind == "table":
            story += [pdf_table(block, styles, width), Spacer(1, 9)]
        elif block.kind == "page":
            story.append(PageBreak())
        elif block.kind == "paragraph":
            story.append(Paragraph(pdf_markup(block.text), styles["paragraph"]))
        else:
            bullet = f"{number}." if block.kind == "number" else "\N{BULLET}"
            story.append(Paragraph(pdf_markup(block.text), styles["bullet"], bulletText=bullet))

    def decorate(canvas: Canvas, template: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(colors.HexColor("#55656f"))
        canvas.drawString(25 * mm, 13 * mm, f"{COMPANY} - {source.title}")
        canvas.drawRightString(A4[0] - 25 * mm, 13 * mm, f"Page {template.page}")
        canvas.restoreState()

    buffer = io.BytesIO()
    template = BaseDocTemplate(
        buffer,
        pagesize=A4,
        title=source.title,
        author=source.author,
        subject=source.subject,
        creator="make_documents.py",
        lang="en",
        invariant=1,
    )
    frame = Frame(25 * mm, 20 * mm, width, A4[1] - 42 * mm, leftPadding=0, rightPadding=0)
    template.addPageTemplates([PageTemplate(id="page", frames=[frame], onPage=decorate)])
    template.build(story)
    return buffer.getvalue()


# --- the command --------------------------------------------------------------------------


def main() -> int:
    """Render every source; the number of failures is the exit status."""
    renderers = {".docx": render_docx, ".pdf": render_pdf}
    failures = 0
    for path in sorted(SOURCES.glob("*.md")):
        try:
            source = parse_source(path.read_text(encoding="utf-8"))
            target = DOCUMENTS / Path(source.output).name
            renderer = renderers.get(target.suffix)
            if renderer is None:
                raise SourceError(f"no renderer for {target.suffix!r}")
            content = renderer(source)
        except SourceError as error:
            sys.stderr.write(f"{path.name}: {error}\n")
            failures += 1
            continue
        target.write_bytes(content)
        sys.stdout.write(f"{target.name}: {len(content):,} bytes\n")
    return failures


if __name__ == "__main__":
    sys.exit(main())
