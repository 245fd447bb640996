"""Spreadsheets (XLSX, XLSB, XLS, ODS), through calamine."""

import datetime
import io
from typing import TypeAlias

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from ragstone_plugins.documents.outcome import Failure, Refused, broken
from ragstone_plugins.documents.text import TextBuilder

Cell: TypeAlias = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta


def read_sheets(content: bytes, out: TextBuilder) -> None:
    """Write the sheets that are shown, each a page with its name for a heading; an empty row ends a table.

    Raises:
        Refused: BROKEN or ENCRYPTED.
    """
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        for number, sheet in enumerate(book.sheets_metadata, start=1):
            if sheet.visible is SheetVisibleEnum.Visible and sheet.typ is SheetTypeEnum.WorkSheet:
                out.page(number)
                _write(sheet.name, book.get_sheet_by_name(sheet.name).to_python(), out)
    except PasswordError as error:
        raise Refused(Failure.ENCRYPTED, str(error)) from error
    except (CalamineError, ValueError, OSError) as error:
        raise broken(error) from error


def _write(name: str, rows: list[list[Cell]], out: TextBuilder) -> None:
    tables: list[list[list[str]]] = [[]]
    for row in rows:
        cells = [_text(cell) for cell in row]
        if any(cells):
            tables[-1].append(cells)
        elif tables[-1]:
            tables.append([])
    if tables[0]:
        out.heading(1, name)
    for table in tables:
        out.table(table)


def _text(cell: Cell) -> str:
    """A value as a person writes it: no `.0` after whole numbers, no midnight after dates."""
    match cell:
        case bool():
            return "TRUE" if cell else "FALSE"
        case float():
            return f"{cell:.15g}"
        case datetime.datetime() if cell.time() == datetime.time():
            return cell.date().isoformat()
        case datetime.datetime():
            return cell.isoformat(sep=" ")
        case _:
            return str(cell).strip()
