"""HTML: content, not furniture."""

from ragstone_plugins.documents.outcome import Failure
from tests.unit.plugins.documents.reading import failure, read

PAGE = """<!DOCTYPE html><html lang="en"><head><title>Fares 2025 - Ferries</title><style>p{}</style></head><body>
<a class="skip" href="#c">Skip to content</a>
<header><nav><a href="/">Home</a></nav></header>
<div class="cookie-banner" role="dialog">Cookies?<button>Accept</button></div>
<main id="c"><article><header><h1>Fares&nbsp;2025</h1></header>
<p>All fares are in <b>euros</b>.<br>Bicycles: &lt;3.</p><script>track()</script>
<h2>Passengers</h2><ul><li>adults<ul><li>seniors</li></ul></li><li>children</li></ul><ol><li>pay</li><li>board</li></ol>
<table><caption>Single</caption><tr><th rowspan="2">Route</th><th colspan="2">EUR</th></tr><tr><th>adult</th><th>child</th></tr>
<tr><td>Corrin</td><td>23.50</td><td>11.75</td></tr></table>
<pre># not a heading
  x | y</pre><p style="display:none">hidden</p><dl><dt>Term</dt><dd>meaning</dd></dl></article></main>
<footer>Imprint</footer></body></html>"""


def test_a_page() -> None:
    document = read(PAGE)
    assert document.title == "Fares 2025 - Ferries"
    assert document.language == "en"
    assert document.text == (
        "# Fares 2025\n\nAll fares are in euros.\nBicycles: <3.\n\n## Passengers\n\n- adults\n  - seniors\n- children\n\n"
        "1. pay\n2. board\n\nSingle\n\n| Route | EUR |  |\n| --- | --- | --- |\n| Route | adult | child |\n"
        "| Corrin | 23.50 | 11.75 |\n\n```\n# not a heading\n  x | y\n```\n\nTerm\n\nmeaning"
    )


def test_a_page_of_nothing_but_furniture_stays() -> None:
    assert read("<html><body><nav><a href='/'>Home</a></nav></body></html>").text == "Home"


def test_a_wrapper_with_an_unlucky_name_stays() -> None:
    assert "Content" in read("<body><div class='layout with sidebar'><p>Content of the page.</p></div></body>").text


def test_a_long_list_of_links_goes() -> None:
    languages = "".join(f"<li><a href='/{at}'>lang {at}</a></li>" for at in range(40))
    text = read(f"<html><body><ul>{languages}</ul><p>{'Ferries sail. ' * 50}</p></body></html>").text
    assert "lang" not in text
    assert "Ferries" in text


def test_layout_tables_are_read_as_blocks() -> None:
    cell = "A paragraph of some length. " * 40
    document = read(f"<html><table><tr><td><h2>News</h2>{cell}</td><td>side</td></tr></table></html>")
    assert document.text.startswith("## News\n\nA paragraph")
    assert "|" not in document.text


def test_a_table_in_a_cell_is_text_of_the_cell() -> None:
    inner = "<table><tr><td>e</td><td>f</td></tr></table>"
    document = read(f"<html><table><tr><td>a</td><td>b</td></tr><tr><td>{inner}</td><td>c</td></tr></table></html>")
    assert document.text == "| a | b |\n| --- | --- |\n| e f | c |"


def test_signs_in_cells_of_their_own_join_the_number() -> None:
    row = "<tr><td>Net income</td><td>$</td><td>(1,234</td><td>)</td><td></td><td>12</td><td>%</td></tr>"
    document = read(
        f"<html><table><tr><td></td><td colspan=3>2025</td><td></td><td colspan=2>Margin</td></tr>{row}</table></html>"
    )
    assert document.text.endswith("| Net income |  | $(1,234) | 12% |")


def test_text_after_inline_elements_keeps_its_place_in_cells() -> None:
    document = read(
        "<html><table><tr><td>a <b>bold <i>and</i> on</b> end</td><td>x<br>y</td></tr><tr><td>1</td><td>2</td></tr></table>"
    )
    assert document.text.startswith("| a bold and on end | x y |")


def test_nested_deeper_than_the_stack_of_python() -> None:
    assert "deep" in read("<html>" + "<div>" * 1_500 + "deep" + "</div>" * 1_500 + "</html>").text


def test_nested_beyond_all_reason() -> None:
    assert failure("<html>" + "<div>" * 100_000 + "deep") in (Failure.WITHOUT_TEXT, Failure.BROKEN)
