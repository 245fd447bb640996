"""Every format, from a small file of it."""

from collections.abc import Sequence

import pytest

from ragstone_plugins.documents.formats import Format
from tests.unit.plugins.documents import samples
from tests.unit.plugins.documents.reading import read
from tests.unit.plugins.documents.samples import docx_paragraph, docx_table

FRENCH = (
    "Le bac part de Port Halvern toutes les heures, et les vélos voyagent toujours gratuitement avec leurs maîtres."
)


def test_docx_keeps_title_headings_tables_and_every_sign() -> None:
    body = (
        docx_paragraph("Travel policy", "Title")
        + docx_paragraph("Hotels", "heading1")
        + docx_paragraph("R&amp;D pays &lt; 110 EUR.")
        + docx_table([["Item", "EUR"], ["Hotel &amp; breakfast", "135"]])
        + docx_paragraph("Trains", "heading2")
    )
    document = read(samples.docx(body, title="Travel Policy 2025"))
    assert document.mime_type == Format.DOCX
    assert document.title == "Travel Policy 2025"
    assert document.text == (
        "# Travel policy\n\n# Hotels\n\nR&D pays < 110 EUR.\n\n"
        "| Item | EUR |\n| --- | --- |\n| Hotel & breakfast | 135 |\n\n## Trains"
    )
    assert [(heading.level, heading.text) for heading in document.headings] == [
        (1, "Travel policy"),
        (1, "Hotels"),
        (2, "Trains"),
    ]
    assert document.pages == ()


def test_docx_without_stated_title_is_called_after_its_first_heading() -> None:
    assert read(samples.docx(docx_paragraph("Crew onboarding", "heading1"))).title == "Crew onboarding"


def test_docx_images_are_not_opened() -> None:
    body = (
        '<w:p><w:r><w:t>before</w:t></w:r><w:r><w:drawing><pic xmlns="http://schemas.openxmlformats.org/drawingml/2006/'
        'picture"/></w:drawing></w:r><w:r><w:t> after</w:t></w:r></w:p>'
    )
    assert read(samples.docx(body)).text == "before after"


def test_pptx_slides_are_pages_with_notes_and_without_hidden_ones() -> None:
    document = read(samples.pptx())
    assert document.mime_type == Format.PPTX
    assert document.title == "Routes & fares"
    assert [page.number for page in document.pages] == [1, 3]
    first, third = (page.range.of(document.text) for page in document.pages)
    assert first == "# Routes & fares\n\n- Port Halvern\n- Stennick\n\nNotes: Mention the new timetable.\n\n"
    assert third == "# Prices\n\n| Route | Price |\n| --- | --- |\n| Stennick | 14.80 |"
    assert "Draft" not in document.text


def test_xlsx_sheets_are_pages() -> None:
    sheets: dict[str, Sequence[Sequence[str | float]]] = {
        "Fares": [["Route", "EUR"], ["Stennick", 14.5], ["Corrin", 23.0]],
        "Lists": [["hidden"]],
        "Crew": [["Name", "Since"], ["Ada", 2019], [], ["Total", 1]],
    }
    document = read(samples.xlsx(sheets, hidden=["Lists"]))
    assert document.mime_type == Format.XLSX
    assert [page.number for page in document.pages] == [1, 3]
    assert document.pages[0].range.of(document.text) == (
        "# Fares\n\n| Route | EUR |\n| --- | --- |\n| Stennick | 14.5 |\n| Corrin | 23 |\n\n"
    )
    assert "| Ada | 2019 |\n\n| Total | 1 |" in document.text
    assert "hidden" not in document.text


def test_odt() -> None:
    body = (
        '<text:h text:outline-level="1">Safety &amp; drills</text:h>'
        "<text:p>Muster<text:s text:c='2'/>at <text:span>station</text:span> four.</text:p>"
        "<text:list><text:list-item><text:p>boats</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>Drill</text:p></table:table-cell>"
        "<table:table-cell><text:p>Weeks</text:p></table:table-cell></table:table-row>"
        "<table:table-row><table:table-cell><text:p>Fire</text:p></table:table-cell>"
        "<table:table-cell><text:p>2</text:p></table:table-cell>"
        "<table:table-cell table:number-columns-repeated='9999'/></table:table-row></table:table>"
    )
    document = read(samples.odt(body))
    assert document.mime_type == Format.ODT
    assert document.text == (
        "# Safety & drills\n\nMuster at station four.\n\n- boats\n\n| Drill | Weeks |\n| --- | --- |\n| Fire | 2 |"
    )


def test_odp_slides_are_pages() -> None:
    frame = (
        '<draw:frame presentation:class="title" xmlns:presentation="p"><draw:text-box>{}</draw:text-box></draw:frame>'
    )
    document = read(samples.odp(frame.format("<text:p>One</text:p>"), frame.format("<text:p>Two</text:p>")))
    assert document.mime_type == Format.ODP
    assert [(page.number, page.range.of(document.text)) for page in document.pages] == [(1, "# One\n\n"), (2, "# Two")]


def test_epub_chapters_in_the_order_of_the_spine() -> None:
    document = read(
        samples.epub("<h1>Dawn</h1><p>R&amp;D</p>", "<h1>Dusk</h1><p>the end</p>", title="Tides", language="en-GB")
    )
    assert document.mime_type == Format.EPUB
    assert (document.title, document.language) == ("Tides", "en")
    assert document.text == "# Dawn\n\nR&D\n\n# Dusk\n\nthe end"


def test_email() -> None:
    mail = (
        "From: Ada <ada@example.org>\nTo: crew@example.org\nSubject: =?utf-8?q?F=C3=A4hre?=\n"
        "Date: Mon, 6 Jan 2025 08:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: text/html; charset=utf-8\n\n<style>p{}</style><p>The <b>8:40</b> is cancelled.</p>\n"
        "--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=plan.pdf\n\nx\n--b--\n"
    )
    document = read(mail, "message.txt")
    assert document.mime_type == Format.EMAIL
    assert document.title == "Fähre"
    assert document.text == (
        "Subject: Fähre\nFrom: Ada <ada@example.org>\nTo: crew@example.org\nDate: Mon, 06 Jan 2025 08:00:00 +0000\n\n"
        "The 8:40 is cancelled.\n\nAttachment: plan.pdf"
    )


def test_email_in_an_old_encoding() -> None:
    mail = b"From: a@b.c\nDate: x\nSubject: s\nContent-Type: text/plain; charset=koi8-r\n\n" + "Привет".encode("koi8-r")
    assert read(mail).text.endswith("Привет")


def test_markdown_stays_as_it_is_written() -> None:
    text = (
        "---\ntitle: Pets\nowner: Ferries\n---\n\nPets & bicycles\n===============\n\nDogs *may* travel.\n\n"
        "```\n# no heading\n```\n\nPet | Fare\n--- | ---\nDog | 4\n\n## On `deck` ##\n\n<!-- secret --><p>Cats too.</p>\n"
    )
    document = read(text, "pets.md")
    assert document.mime_type == Format.MARKDOWN
    assert document.title == "Pets"
    assert document.text == (
        "title: Pets\nowner: Ferries\n\n# Pets & bicycles\n\nDogs *may* travel.\n\n```\n# no heading\n```\n\n"
        "| Pet | Fare |\n| --- | --- |\n| Dog | 4 |\n\n## On deck\n\nCats too."
    )
    assert [heading.text for heading in document.headings] == ["Pets & bicycles", "On deck"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Route,EUR\nStennick,14.80\n", "a.csv"),
        ("Route;EUR\nStennick;14.80\n", "a.csv"),
        ("Route\tEUR\nStennick\t14.80\n", "a.tsv"),
        ("Route|EUR\nStennick|14.80\n", "a.csv"),
    ],
)
def test_delimited(text: str, name: str) -> None:
    document = read(text, name)
    assert document.mime_type == Format.CSV
    assert document.text == "| Route | EUR |\n| --- | --- |\n| Stennick | 14.80 |"


def test_delimited_cells_of_any_size_and_content() -> None:
    long = "word " * 60_000
    document = read(f'a,b\n"{long}","x|y\nz"\nshort\n', "a.csv")
    assert document.text.endswith(f"| {long.strip()} | x\\|y z |\n| short |  |")


def test_json_outline_and_table() -> None:
    document = read('{"title": "Fleet", "ships": [{"name": "Dunlin", "cars": 40}], "note": null}')
    assert document.mime_type == Format.JSON
    assert document.title == "Fleet"
    assert document.text == "title: Fleet\nships:\n  -\n    name: Dunlin\n    cars: 40\nnote:"
    rows = read('{"name": "Dunlin", "cars": 40}\n{"name": "Tern", "cars": 90}\n', "a.jsonl")
    assert rows.text == "| name | cars |\n| --- | --- |\n| Dunlin | 40 |\n| Tern | 90 |"


def test_xml_names_each_text() -> None:
    document = read('<?xml version="1.0"?><fleet><ship year="2020">MV <b>Dunlin</b> &amp; co</ship></fleet>')
    assert document.mime_type == Format.XML
    assert document.text == "ship: MV & co\nb: Dunlin"


def test_plain_text_is_untouched_but_for_line_ends_and_controls() -> None:
    document = read("a\tb \r\n\r\n  indented\x07\n\xa0c\u0308\u2028d\n", "a.txt")
    assert document.mime_type == Format.PLAIN
    assert document.text == "a\tb\n\n  indented\n c̈\nd"


def test_language() -> None:
    assert read(FRENCH, "a.txt").language == "fr"
    assert read(f"<html lang='de'><p>{FRENCH}</p></html>").language == "fr"
    assert read("<html lang='de-CH'><p>42 EUR</p></html>").language == "de"
    assert read("42 EUR", "a.txt").language is None


def test_a_text_of_1225_pages() -> None:
    page = "It was the best of ferries, it was the worst of ferries.\n" * 45
    document = read(page * 1225, "long.txt")
    assert len(document.text) > 3_000_000
    assert document.language == "en"


@pytest.mark.parametrize("name", ["Sheet1", "Tabelle 2", "untitled", "report.docx", "12-34"])
def test_a_name_that_a_program_gave_is_no_title(name: str) -> None:
    assert read(samples.xlsx({name: [["a", "b"]]})).title is None
    assert read(samples.docx(docx_paragraph("Safety", "heading1"), title=name)).title == "Safety"
