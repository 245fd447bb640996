"""Suite of the kind `router`. A subclass gives the fixture `router`; see `tests/conformance`."""

from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone_server.spi.router import RouteChoice, Router, RouteRequest
from ragstone_server.spi.turns import Role, Turn
from ragstone_server.testing.conformance.generator import HARBOUR, TRAVEL, numbered
from ragstone_server.testing.conformance.samples import CONTEXT

PROPERTY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
_QUESTIONS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from("who when and compare the ferry ? whose 神戸 été than 42".split()), max_size=60).map(
        " ".join
    ),
)
_TURNS = st.lists(st.builds(Turn, role=st.sampled_from(Role), text=_QUESTIONS), max_size=3).map(tuple)
_ROUTES = st.sampled_from([("default",), ("default", "strong"), ("cheap", "default", "strong")])


class RouterConformance:
    """Every promise of `spi.router`."""

    deterministic: ClassVar[bool] = True
    """Whether the same request gets the same choice; a router that says otherwise sets it to False."""

    async def route(
        self, router: Router, question: str, turns: tuple[Turn, ...] = (), routes: tuple[str, ...] = ("default",)
    ) -> RouteChoice:
        """Choose, over two passages."""
        evidence = (numbered(1, HARBOUR), numbered(2, TRAVEL))
        return await router(
            RouteRequest(context=CONTEXT, question=question, turns=turns, evidence=evidence, routes=routes)
        )

    @PROPERTY
    @given(question=_QUESTIONS, turns=_TURNS, routes=_ROUTES)
    async def test_the_choice_is_one_of_the_routes_and_has_a_reason(
        self, router: Router, question: str, turns: tuple[Turn, ...], routes: tuple[str, ...]
    ) -> None:
        """Whatever is asked."""
        choice = await self.route(router, question, turns, routes)
        assert choice.route in routes
        assert choice.why.strip()

    @PROPERTY
    @given(question=_QUESTIONS, turns=_TURNS, routes=_ROUTES)
    async def test_the_same_request_gets_the_same_choice(
        self, router: Router, question: str, turns: tuple[Turn, ...], routes: tuple[str, ...]
    ) -> None:
        """Nothing is kept from one question to the next."""
        if not self.deterministic:
            pytest.skip("it says that it may choose otherwise")
        first = await self.route(router, question, turns, routes)
        await self.route(router, "something else")
        assert await self.route(router, question, turns, routes) == first

    async def test_the_reason_holds_no_text_of_the_question(self, router: Router) -> None:
        """It goes into streams and logs."""
        choice = await self.route(router, "Why was Zarmina dismissed, and who signed for it?", routes=("default", "x"))
        assert "zarmina" not in choice.why.lower()
