"""Markdown: kept as it was written, with its headings and tables found and put into one form."""

import re
from html import unescape

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ragstone_plugins.documents.html import parse_html, write_html
from ragstone_plugins.documents.text import TextBuilder

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_MARKS = re.compile(r"(?<!\\)(\*\*|__|\*|`)(?=\S)(.+?)(?<=\S)\1|!?\[([^\]]*)\]\([^)]*\)")


def read_markdown(text: str, out: TextBuilder) -> str | None:
    """Write a document and return the title that its front matter states.

    Front matter becomes lines without fences, since a fence under a line would make it a heading.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    matter = _FRONT_MATTER.match(text)
    title = None
    if matter:
        text = text[matter.end() :]
        out.paragraph(matter[1])
        stated = _TITLE.search(matter[1])
        title = stated[1].strip("\"'") if stated else None
    lines = text.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for at, token in enumerate(tokens):
        if token.level == 0 and token.map is not None and token.nesting >= 0:
            _write(tokens, at, lines, out)
    return title


def _write(tokens: list[Token], at: int, lines: list[str], out: TextBuilder) -> None:
    """One block of the top level; deeper ones are part of its lines."""
    token = tokens[at]
    start, end = token.map or (0, 0)
    match token.type:
        case "heading_open":
            out.heading(int(token.tag[1:]), _plain(tokens[at + 1].content))
        case "table_open":
            out.table(_rows(tokens, at))
        case "html_block":
            content = _COMMENT.sub("", token.content)
            if content.strip():
                write_html(parse_html(content.encode()), out)
        case "fence" | "code_block":
            out.code(token.content)
        case "hr":
            pass
        case _:
            out.paragraph("\n".join(lines[start:end]))


def _rows(tokens: list[Token], at: int) -> list[list[str]]:
    """The cells of the table that begins at a token."""
    rows: list[list[str]] = []
    for token in tokens[at + 1 :]:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(unescape(token.content).replace("\\|", "|"))
    return rows


def _plain(inline: str) -> str:
    """A heading without the marks of emphasis, code and links."""
    return unescape(_MARKS.sub(lambda match: match[2] or match[3] or "", inline))
