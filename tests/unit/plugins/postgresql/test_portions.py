"""Large transactions are sent a portion at a time."""

from collections.abc import Iterator
from threading import current_thread, main_thread

from ragstone_plugins.postgresql.portions import MOST_BYTES, Statement, portions


async def sizes(*bytes_each: int) -> list[list[int]]:
    """How many bytes the statements of each portion have."""
    statements: list[Statement] = [("INSERT", ([b"x" * size], 7, "")) for size in bytes_each]
    return [[len(parameters[0][0]) for _, parameters in portion] async for portion in portions(statements)]  # type: ignore[index]


async def test_what_is_small_is_one_portion() -> None:
    assert await sizes(1, 2, 3) == [[1, 2, 3]]


async def test_nothing_is_no_portion() -> None:
    assert await sizes() == []


async def test_a_portion_holds_so_much_and_a_large_statement_is_one_alone() -> None:
    half, most = MOST_BYTES // 2, MOST_BYTES
    assert await sizes(half, half, half) == [[half, half], [half]]
    assert await sizes(1, 2 * most, 1) == [[1], [2 * most], [1]]


async def test_named_parameters_count_too() -> None:
    half = "x" * (MOST_BYTES // 2)
    statements: list[Statement] = [("", {"ids": [half], "key": 7}), ("", {"ids": [half, "y"]})]
    assert [len(portion) async for portion in portions(statements)] == [1, 1]


async def test_statements_are_made_aside_and_as_they_are_asked_for() -> None:
    made: list[int] = []

    def making() -> Iterator[Statement]:
        for number in range(4):
            assert current_thread() is not main_thread()
            made.append(number)
            yield "", (b"x" * MOST_BYTES,)

    seen = [len(made) async for _ in portions(making())]
    assert seen == [2, 3, 4, 4], "one is made ahead, to see where the portion ends"
