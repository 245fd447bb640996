"""PDF: pages, headings, paragraphs, lists and tables, from where the words stand."""

from collections.abc import Sequence

import pytest

from ragstone_plugins.documents.formats import Format
from ragstone_plugins.documents.outcome import Failure
from tests.unit.plugins.documents import samples
from tests.unit.plugins.documents.reading import failure, read
from tests.unit.plugins.documents.samples import Run

PROSE = (
    "The ferry leaves the harbour at eight and arrives at the island at",
    "nine, unless the wind is stronger than usual. Passengers who want",
    "to travel with a bicycle arrive ten minutes before departure.",
)


def lines(texts: Sequence[str], *, x: float = 72, top: float = 700, size: int = 10, pitch: float = 12) -> list[Run]:
    return [(x, top - at * pitch, size, text) for at, text in enumerate(texts)]


def grid(rows: Sequence[Sequence[str]], columns: Sequence[float], *, top: float, pitch: float = 15) -> list[Run]:
    return [
        (x, top - at * pitch, 10, text)
        for at, row in enumerate(rows)
        for x, text in zip(columns, row, strict=True)
        if text
    ]


def test_pages_cover_the_text_and_empty_ones_leave_no_trace() -> None:
    document = read(samples.pdf(lines(["first page"]), [], lines(["third page"]), title="Fares 2025"))
    assert document.mime_type == Format.PDF
    assert document.title == "Fares 2025"
    assert [(page.number, page.range.of(document.text)) for page in document.pages] == [
        (1, "first page\n\n"),
        (3, "third page"),
    ]


def test_headings_by_their_size() -> None:
    page = [
        (72, 760, 20, "Annual report"),
        (72, 720, 14, "Passengers"),
        *lines(PROSE, top=700),
        (72, 640, 14, "Freight and"),
        (72, 625, 14, "vehicles"),
        *lines(PROSE, top=600),
    ]
    document = read(samples.pdf(page))
    assert [(heading.level, heading.text) for heading in document.headings] == [
        (1, "Annual report"),
        (2, "Passengers"),
        (2, "Freight and vehicles"),
    ]
    assert document.title == "Annual report"


def test_lines_become_paragraphs_and_lists() -> None:
    page = [
        *lines(PROSE, top=700),
        *lines(["Bring along:", "- a ticket", "- a coat"], top=640),
        *lines(["Ada Lovelace", "12 Quay Street", "Port Halvern"], top=560),
    ]
    assert read(samples.pdf(page)).text == (
        " ".join(PROSE) + "\n\nBring along:\n\n- a ticket\n- a coat\n\nAda Lovelace\n12 Quay Street\nPort Halvern"
    )


def test_a_table_of_figures() -> None:
    rows = (
        ("Route", "2023", "2024"),
        ("Port Halvern to Stennick", "711,400", "742,300"),
        ("Income:", "", ""),
        ("Tickets", "$ 17.6", "$ 18.9"),
        ("Freight", "(0.4)", "-"),
    )
    document = read(samples.pdf([*lines(PROSE, top=760), *grid(rows, (72, 300, 400), top=700), *lines(PROSE, top=600)]))
    assert (
        "| Route | 2023 | 2024 |\n| --- | --- | --- |\n| Port Halvern to Stennick | 711,400 | 742,300 |\n| Income: |  |  |\n"
        "| Tickets | $ 17.6 | $ 18.9 |\n| Freight | (0.4) | - |" in document.text
    )
    assert document.text.count(" ".join(PROSE)) == 2


def test_a_header_in_two_lines_over_several_columns() -> None:
    page = [
        (330, 720, 10, "Three Months"),
        (490, 720, 10, "Nine Months"),
        *grid((("2022", "2021", "2022", "2021"),), (320, 400, 480, 560), top=708),
        *grid(
            (("Revenue", "5,931", "7,103", "20,923", "19,271"), ("Net income", "680", "2,464", "2,954", "6,749")),
            (72, 320, 400, 480, 560),
            top=690,
        ),
    ]
    assert read(samples.pdf(page)).text == (
        "|  | Three Months 2022 | Three Months 2021 | Nine Months 2022 | Nine Months 2021 |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| Revenue | 5,931 | 7,103 | 20,923 | 19,271 |\n| Net income | 680 | 2,464 | 2,954 | 6,749 |"
    )


def test_a_table_drawn_column_by_column() -> None:
    columns = (("Route", "Stennick", "Corrin"), ("EUR", "14.80", "23.50"))
    page = [run for x, texts in zip((72, 300), columns, strict=True) for run in lines(texts, x=x, pitch=15)]
    assert read(samples.pdf(page)).text == "| Route | EUR |\n| --- | --- |\n| Stennick | 14.80 |\n| Corrin | 23.50 |"


def test_cells_of_several_lines() -> None:
    page = [
        *grid((("Task", "Who", "When"),), (72, 200, 400), top=700),
        *grid((("Inspect", "the harbour", "weekly"), ("the quay", "master", "")), (72, 200, 400), top=675, pitch=11),
        *grid((("Paint", "the crew of", "in spring"), ("the hull", "the yard", "")), (72, 200, 400), top=640, pitch=11),
    ]
    assert read(samples.pdf(page)).text == (
        "| Task | Who | When |\n| --- | --- | --- |\n| Inspect the quay | the harbour master | weekly |\n"
        "| Paint the hull | the crew of the yard | in spring |"
    )


def test_columns_of_prose_are_read_one_after_the_other() -> None:
    left = lines(["The ferry leaves the harbour at eight and arrives"] * 12, x=40)
    right = lines(["at the island at nine unless the wind is stronger"] * 12, x=320)
    text = read(samples.pdf([*left, *right])).text
    assert "|" not in text
    assert text.rindex("The ferry") < text.index("at the island")


def test_a_running_head_is_kept_once_and_is_no_heading() -> None:
    pages = [
        [(72, 780, 16, f"Annual Report - {number}"), *lines(PROSE, top=700), (300, 20, 10, str(number))]
        for number in range(1, 6)
    ]
    document = read(samples.pdf(*pages))
    assert document.text.count("Annual Report") == 1
    assert document.headings == ()
    assert len(document.pages) == 5


def test_leaders_part_cells() -> None:
    contents = [f"{name} {'. ' * 40}{page}" for name, page in (("Fares", 3), ("Freight tariff", 7), ("Pets", 12))]
    assert read(samples.pdf(lines(contents))).text == (
        "| Fares | 3 |\n| --- | --- |\n| Freight tariff | 7 |\n| Pets | 12 |"
    )


def test_text_outside_of_the_page_is_not_read() -> None:
    assert read(samples.pdf([(72, 700, 10, "seen"), (72, 2000, 10, "beyond")])).text == "seen"


@pytest.mark.parametrize("title", ["Untitled", "Microsoft Word - report.docx", "scan.jpg", "0000320193-22-000070"])
def test_a_title_that_says_nothing_is_not_believed(title: str) -> None:
    page = [(72, 760, 20, "Fares 2025"), *lines(PROSE)]
    assert read(samples.pdf(page, title=title)).title == "Fares 2025"


def test_a_password() -> None:
    assert failure(samples.locked_pdf(), "a.txt") is Failure.ENCRYPTED


def test_damaged() -> None:
    whole = samples.pdf(lines(PROSE))
    for cut in (20, 200, len(whole) // 2):
        assert failure(whole[:cut]) is Failure.BROKEN
    # PDFium rebuilds a table of contents that is only cut off or wrong.
    assert "ferry" in read(whole.replace(b"startxref", b"startxxxx")).text


def test_a_scan_has_no_text() -> None:
    assert failure(samples.pdf([], [])) is Failure.WITHOUT_TEXT
