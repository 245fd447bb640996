"""Formats are told apart by content; names and types only break ties."""

import pytest

from ragstone_plugins.documents.formats import Format, charset, declared
from ragstone_plugins.documents.outcome import Failure
from tests.unit.plugins.documents import samples
from tests.unit.plugins.documents.reading import failure, read

PAGE = [(72.0, 700.0, 12, "Ferries")]


@pytest.mark.parametrize("name", ["a.txt", "a.docx", "a.html", "a", None])
def test_a_wrong_extension_changes_nothing(name: str | None) -> None:
    assert read(samples.pdf(PAGE), name).mime_type == Format.PDF
    assert read(samples.docx(samples.docx_paragraph("x")), name).mime_type == Format.DOCX
    assert read("<!DOCTYPE html><title>t</title><p>x", name).mime_type == Format.HTML


def test_text_that_claims_to_be_something_else() -> None:
    for name in ("a.pdf", "a.docx", "a.xlsx", "a.png"):
        assert read("Just text.", name).mime_type == Format.PLAIN


@pytest.mark.parametrize(
    ("name", "kind"), [("a.md", Format.MARKDOWN), ("a.csv", Format.CSV), ("a.txt", Format.PLAIN), (None, Format.PLAIN)]
)
def test_the_name_breaks_ties_between_texts(name: str | None, kind: Format) -> None:
    assert read("one, two and three", name).mime_type == kind


def test_texts_without_a_name() -> None:
    assert read("a,b,c\n1,2,3\n4,5,6\n7,8,9\n").mime_type == Format.CSV
    assert read("# Title\n\ntext").mime_type == Format.MARKDOWN
    assert read("Dear crew,\nthe boat, as ever,\nleaves at 8, sharp.\n").mime_type == Format.PLAIN
    assert read("[link](x) is no JSON").mime_type == Format.PLAIN


def test_a_memo_is_no_mail() -> None:
    assert read("To: all\nSubject: drills\n\ntext", "a.txt").mime_type == Format.PLAIN
    assert read("To: all\nSubject: drills\n\ntext", "a.eml").mime_type == Format.EMAIL


def test_a_text_about_pdf_is_no_pdf() -> None:
    assert read("A PDF begins with\n%PDF-1.7\nand so on.", "a.txt").mime_type == Format.PLAIN


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"{\\rtf1 hello}",
        samples.ole("WordDocument"),
        samples.zipped({"a.txt": "just files"}),
        b"\x7fELF" + bytes(range(256)),
        bytes(range(256)),
    ],
)
def test_unsupported(content: bytes) -> None:
    assert failure(content) is Failure.UNSUPPORTED


@pytest.mark.parametrize(
    "content", [b"", b" \r\n\t\n", b"\xef\xbb\xbf", b"***\n---\n", samples.pdf([]), samples.docx("")]
)
def test_without_text(content: bytes) -> None:
    assert failure(content) is Failure.WITHOUT_TEXT


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.csv", "a.json"])
def test_zero_bytes_in_text(name: str) -> None:
    assert failure(b"some text\x00 and \x00more", name) is Failure.BROKEN


@pytest.mark.parametrize("stream", ["EncryptedPackage", "DRMEncryptedDataSpace"])
def test_encrypted_office_files(stream: str) -> None:
    assert failure(samples.ole(stream), "a.docx") is Failure.ENCRYPTED


def test_declared_types() -> None:
    assert declared("a.md", "text/plain; charset=utf-8") is Format.MARKDOWN
    assert declared("a.bin", "text/html") is Format.HTML
    assert declared(None, None) is None
    assert charset('text/plain; charset="koi8-r"') == "koi8-r"
    assert charset("text/plain") is None
