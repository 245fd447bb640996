"""Files made to do harm, and what reading them costs at most."""

import struct
import zipfile
from io import BytesIO

import pytest

from ragstone_plugins.documents.archive import Archive
from ragstone_plugins.documents.outcome import Failure, Refused
from tests.unit.plugins.documents import samples
from tests.unit.plugins.documents.reading import MIB, failure, read

LAUGHS = "".join(f'<!ENTITY e{at} "{f"&e{at - 1};" * 10 if at else "ha"}">' for at in range(12))


def test_a_zip_bomb_is_refused_before_it_is_expanded() -> None:
    body = samples.docx_paragraph("a" * (80 * MIB))
    bomb = samples.docx(body)
    assert len(bomb) < MIB
    assert failure(bomb) is Failure.TOO_LARGE


def test_many_members() -> None:
    assert failure(samples.zipped({f"word/{at}": "" for at in range(20_001)})) is Failure.TOO_LARGE


def test_nested_archives_stay_closed() -> None:
    inner = samples.zipped({"bomb": bytes(200 * MIB)})
    document = samples.docx(samples.docx_paragraph("outer"))
    with zipfile.ZipFile(BytesIO(document)) as archive:
        members: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    assert read(samples.zipped({**members, "word/embeddings/inner.zip": inner})).text == "outer"


def test_a_directory_that_lies_about_a_size() -> None:
    """The member holds 80 MiB and claims to hold 10 bytes."""
    content = bytearray(samples.zipped({"mimetype": "application/epub+zip", "META-INF/container.xml": bytes(80 * MIB)}))
    size = struct.pack("<I", 80 * MIB)
    while (at := content.find(size)) >= 0:
        content[at : at + 4] = struct.pack("<I", 10)
    archive = Archive(bytes(content), MIB)
    with pytest.raises(Refused) as refused:
        archive.read("META-INF/container.xml")
    assert refused.value.refusal.failure is Failure.BROKEN


@pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx", "odt", "epub"])
def test_cut_off(kind: str) -> None:
    whole = {
        "docx": samples.docx(samples.docx_paragraph("text")),
        "pptx": samples.pptx(),
        "xlsx": samples.xlsx({"a": [["text"]]}),
        "odt": samples.odt("<text:p>text</text:p>"),
        "epub": samples.epub("<p>text</p>"),
    }[kind]
    assert failure(whole[: len(whole) // 2]) is Failure.BROKEN


def test_an_encrypted_zip() -> None:
    content = bytearray(samples.docx(samples.docx_paragraph("secret")))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            content[at + offset] |= 1
    assert failure(bytes(content)) is Failure.ENCRYPTED


def test_encrypted_chapters_and_documents() -> None:
    with zipfile.ZipFile(BytesIO(samples.epub("<p>x</p>"))) as archive:
        members: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    locked = '<encryption><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/></encryption>'
    assert failure(samples.zipped({**members, "META-INF/encryption.xml": locked})) is Failure.ENCRYPTED
    fonts = '<encryption><EncryptionMethod Algorithm="http://www.idpf.org/2008/embedding"/></encryption>'
    assert read(samples.zipped({**members, "META-INF/encryption.xml": fonts})).text == "x"
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    odt = {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "?", "META-INF/manifest.xml": manifest}
    assert failure(samples.zipped({**odt})) is Failure.ENCRYPTED


def test_entities_are_not_expanded() -> None:
    laughs = f'<?xml version="1.0"?><!DOCTYPE a [{LAUGHS}]><a>text &e11;</a>'
    assert failure(laughs) is not Failure.TOO_LARGE
    stolen = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>text &x;</a>'
    assert read(stolen).text == "a: text"


def test_json_nested_beyond_all_reason() -> None:
    assert failure("[" * 100_000 + "]" * 100_000, "a.json") is Failure.BROKEN


def test_comments_that_would_be_matched_in_every_combination() -> None:
    assert read("<!---->" * 500 + "text", "a.txt").text.endswith("text")


def test_text_beyond_the_limit() -> None:
    assert failure("word " * 1000, "a.txt", max_expanded_bytes=4096) is Failure.TOO_LARGE


def test_what_a_library_says_is_cut_short_and_never_text() -> None:
    with pytest.raises(Refused) as refused:
        read(b'{"a": ' + b"x" * 10_000, "a.json")
    assert len(refused.value.refusal.detail) <= 300
