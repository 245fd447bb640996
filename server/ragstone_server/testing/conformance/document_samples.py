"""Documents for the suite of chunkers: random ones, with headings, tables, code, pages and several scripts."""

import re

from hypothesis import strategies as st

from ragstone_server.spi.parser import Heading, Page, ParsedDocument
from ragstone_server.spi.ranges import CharRange

_HEADING = re.compile(r"^(#{1,6}) +(\S.*)$", re.MULTILINE)


def document(text: str, pages: tuple[Page, ...] = ()) -> ParsedDocument:
    """A document whose headings are the lines that begin with `#` marks."""
    headings = tuple(
        Heading(start=match.start(), level=len(match[1]), text=match[2].strip()) for match in _HEADING.finditer(text)
    )
    return ParsedDocument(
        text=text, title=None, language=None, mime_type="text/markdown", pages=pages, headings=headings
    )


WORDS = st.sampled_from(
    [
        "ferry",
        "harbour",
        "Dr.",
        "e.g.",
        "3.5",
        "No. 7",
        "été",
        "straße",
        "日本語",
        "首都です。",
        "😀",
        "x" * 90,
        "-",
        "a",
    ]
)
sentences: st.SearchStrategy[str] = st.builds(
    lambda words, end: " ".join(words) + end,
    st.lists(WORDS, min_size=1, max_size=25),
    st.sampled_from([".", "!", "?", "", "。", " …"]),
)
_PARAGRAPHS = st.lists(sentences, min_size=1, max_size=6).map(" ".join)
_LINES = st.lists(sentences, min_size=1, max_size=4).map("\n".join)
_ITEMS = st.lists(sentences.map(lambda text: f"- {text}"), min_size=1, max_size=5).map("\n".join)
_HEADINGS = st.builds(lambda level, text: f"{'#' * level} {text}", st.integers(1, 4), WORDS)
_ROWS = st.lists(st.sampled_from(["12", "ferry", "été", "日本", ""]), min_size=1, max_size=4).map(
    lambda cells: f"| {' | '.join(cells)} |"
)
tables: st.SearchStrategy[str] = st.lists(_ROWS, min_size=1, max_size=30).map(
    lambda rows: "\n".join([rows[0], "|---|", *rows[1:]])
)
_CODE = st.builds(lambda lines, end: f"```\n{lines}{end}", _LINES, st.sampled_from(["\n```", ""]))
_NOISE = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
_RUNS = st.builds(
    lambda text, times: text * times, st.sampled_from(["x", "日", "  ", "\n", "--", "́"]), st.integers(1, 900)
)

texts: st.SearchStrategy[str] = st.builds(
    lambda blocks, separator: separator.join(blocks),
    st.lists(st.one_of(_HEADINGS, _PARAGRAPHS, _LINES, _ITEMS, tables, _CODE, _NOISE, _RUNS), min_size=0, max_size=12),
    st.sampled_from(["\n\n", "\n", "\n \n"]),
)


@st.composite
def documents(draw: st.DrawFn) -> ParsedDocument:
    """Any document, some with pages."""
    text = draw(texts)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    pages = tuple(
        Page(number=number, range=CharRange(start=start, end=end))
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(text)], strict=True), 1)
        if start < end
    )
    return document(text, pages if cuts else ())
