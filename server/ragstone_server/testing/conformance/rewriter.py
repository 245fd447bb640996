"""Suite of the kind `rewriter`. A subclass gives the fixture `rewriter`; see `tests/conformance`."""

from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone_server.spi.rewriter import Rewriter, RewriteRequest, SearchText
from ragstone_server.spi.turns import Role, Turn
from ragstone_server.testing.conformance.samples import CONTEXT

PROPERTY = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
_TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from("hi please tell me it that and for what about thanks ? , ferry Kittiwake 42 été 神戸".split()),
        max_size=12,
    ).map(" ".join),
)
_TURNS = st.lists(st.builds(Turn, role=st.sampled_from(Role), text=_TEXTS), max_size=5).map(tuple)


class RewriterConformance:
    """Every promise of `spi.rewriter`."""

    deterministic: ClassVar[bool] = True
    """Whether the same request gives the same texts; a rewriter that says otherwise sets it to False."""

    async def rewrite(self, rewriter: Rewriter, question: str, turns: tuple[Turn, ...] = ()) -> SearchText:
        """Rewrite, with everything at its default."""
        return await rewriter(RewriteRequest(context=CONTEXT, question=question, turns=turns))

    @PROPERTY
    @given(question=_TEXTS.filter(lambda text: bool(text.strip())), turns=_TURNS)
    async def test_neither_text_is_empty(self, rewriter: Rewriter, question: str, turns: tuple[Turn, ...]) -> None:
        """Where the question is not."""
        found = await self.rewrite(rewriter, question, turns)
        assert found.dense.strip()
        assert found.lexical.strip()

    @PROPERTY
    @given(question=_TEXTS, turns=_TURNS)
    async def test_the_same_request_gives_the_same_texts(
        self, rewriter: Rewriter, question: str, turns: tuple[Turn, ...]
    ) -> None:
        """Nothing is kept from one question to the next."""
        if not self.deterministic:
            pytest.skip("it says that it may answer otherwise")
        first = await self.rewrite(rewriter, question, turns)
        await self.rewrite(rewriter, "something else")
        assert await self.rewrite(rewriter, question, turns) == first

    async def test_words_that_carry_meaning_stay(self, rewriter: Rewriter) -> None:
        """In both texts."""
        found = await self.rewrite(rewriter, "What does a reefer plug for Kittiwake cost?")
        for word in ("reefer", "plug", "kittiwake"):
            assert word in found.dense.lower()
            assert word in found.lexical.lower()
