from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.extractive.units import units


def texts(markdown: str, *, code: bool = False) -> list[str]:
    return [unit.text for unit in units(markdown, code=code)]


def test_headings_are_context_and_not_sentences() -> None:
    found = list(units("# Harbour\n\n## Piers\n\nIt has three. They are old.\n\nUnderlined\n---\n\nMore."))
    assert [(unit.text, unit.context) for unit in found] == [
        ("It has three.", "Harbour Piers"),
        ("They are old.", "Harbour Piers It has three."),
        ("More.", "Harbour Underlined"),
    ]


def test_a_wrapped_paragraph_is_one() -> None:
    assert texts("The harbour of\nNordvik was opened\nin 1911.") == ["The harbour of Nordvik was opened in 1911."]


def test_rows_carry_their_headers() -> None:
    table = (
        "| Zone | 20 ft | 40 ft |\n|---|---|---|\n| Zone A | 60 euros | 90 euros |\n| Zone B | 80 euros | 120 euros |"
    )
    assert texts(table) == ["Zone A, 20 ft: 60 euros; 40 ft: 90 euros", "Zone B, 20 ft: 80 euros; 40 ft: 120 euros"]


def test_a_row_without_header_or_with_too_few_cells_is_still_read() -> None:
    assert texts("| Zone A | 60 |\n| Zone B | 80 |") == ["Zone A, 60", "Zone B, 80"]
    assert texts("| Zone | Fee | Note |\n|---|---|---|\n| Zone A | 60 |") == ["Zone A, Fee: 60"]


def test_a_key_that_says_little_takes_its_header_along() -> None:
    assert texts("| Berth | Use |\n|---|---|\n| 4 | cargo |") == ["Berth 4, Use: cargo"]


def test_a_short_list_is_quoted_with_its_lead_in() -> None:
    markdown = "Tickets are refunded when:\n\n- the crossing is cancelled;\n- the delay exceeds an hour.\n"
    assert texts(markdown) == [
        "Tickets are refunded when:",
        "Tickets are refunded when: the crossing is cancelled; the delay exceeds an hour.",
    ]


def test_items_of_a_list_without_lead_in_stand_alone() -> None:
    assert texts("1. Call Harbour Control\n   on channel 12.\n2. Wait.") == [
        "Call Harbour Control on channel 12.",
        "Wait.",
    ]


def test_code_and_front_matter_are_left_out_unless_code_is_asked_for() -> None:
    markdown = "---\nowner: Finance\n---\n\nRun it.\n\n```sh\nragstone serve\n```\n\nDone."
    assert texts(markdown) == ["Run it.", "Done."]
    assert texts(markdown, code=True) == ["Run it.", "ragstone serve", "Done."]


@given(st.text(alphabet="ab.# |-*>1`\n:~", max_size=120))
def test_any_text_is_read(markdown: str) -> None:
    assert all(unit.text for unit in units(markdown, code=True))
