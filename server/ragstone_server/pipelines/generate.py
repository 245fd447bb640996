"""From evidence to a checked answer, attempt by attempt. Fallback in mid-stream lives here."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from ragstone_server.catalog.watermark import Watermark
from ragstone_server.pipelines.draft import Draft
from ragstone_server.pipelines.events import AttemptDiscarded, AttemptStarted, Citation, Completed, Delta
from ragstone_server.pipelines.fitting import Fitted, Render, fit, surely_fits
from ragstone_server.routing.deployment import Deployment
from ragstone_server.routing.price import check_cost
from ragstone_server.routing.route import DEFAULT_ROUTE, Routes
from ragstone_server.routing.settings import MidStream
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import InvalidRequest, Overloaded, RequestError, StageFailed
from ragstone_server.spi.generator import (
    PASSED_OVER,
    RETRYABLE,
    Abstention,
    AnswerFormat,
    Fault,
    GenerateRequest,
    GeneratorFailed,
)
from ragstone_server.spi.host import Lane
from ragstone_server.spi.kinds import ROUTER
from ragstone_server.spi.router import RouteChoice, RouteRequest
from ragstone_server.spi.stages import Stage
from ragstone_server.wrappers.fallible import Degradation, Outcome

logger = logging.getLogger(__name__)

GenerateEvent = AttemptStarted | Delta | Citation | AttemptDiscarded | Degradation | Completed

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a caller chose of the way in which it is answered."""

    route: str = ""
    """Empty: the default one."""
    mid_stream: MidStream | None = None
    """None: what the route says."""
    max_cost: Decimal | None = None
    """Most that the answer may cost, in US dollars; None: whatever it costs."""


class Generate:
    """Asks the deployments of a route until one answers."""

    def __init__(
        self,
        routes: Routes,
        router: Stage[RouteRequest, Outcome[RouteChoice]],
        clock: Clock,
        dice: random.Random,
        lane: Lane,
    ) -> None:
        self._routes = routes
        self._router = router
        self._clock = clock
        self._dice = dice
        self._lane = lane

    def check(self, choice: Choice, answer_format: AnswerFormat = AnswerFormat.TEXT) -> None:
        """Raises `InvalidRequest` where the choice is not permitted, before any work is spent."""
        self._routes.named_by_caller(choice.route).policy(choice.mid_stream)
        self._routes.check_format(choice.route, answer_format)

    async def __call__(
        self, request: GenerateRequest, choice: Choice, watermark: Watermark, render: Render | None = None
    ) -> AsyncGenerator[GenerateEvent, None]:
        """Ends with `Completed`. Raises `StageFailed` where no model answered, `Overloaded` where all are at their limits.

        The choice has passed `check`.
        An attempt that fails before its first token is not seen in the stream but as a degradation. After it, as the policy
        says: its deltas are declared void, the next model goes on behind them, or the stream fails.
        `render` makes the prompt anew, with less in it, for a model into whose window it does not fit.
        """
        chosen = await self._chosen(request, choice)
        if chosen.degradation is not None:
            yield chosen.degradation
        route = self._routes.named(chosen.route)
        policy = route.policy(choice.mid_stream)
        order = route.order(request, self._dice)
        draft = Draft(request, route.name, chosen.why)
        faults: list[GeneratorFailed] = []
        waiting = deque(order)
        rounds = route.retries
        while not draft.finished:
            if not waiting and (refusal := _refusal(faults, draft)):
                for told in draft.abstain(refusal):
                    yield told
                break
            if not waiting:
                await self._pause(request, faults, draft.tries)
                waiting.extend(order)
                rounds -= 1
            deployment = waiting.popleft()
            following = waiting[0] if waiting else order[0] if rounds else None
            try:
                async with aclosing(self._attempt(deployment, draft, choice, render)) as events:
                    async for event in events:
                        yield event
            except Exception as error:
                if draft.finished:
                    logger.warning("model %s did not close cleanly", deployment.model, exc_info=error)
                    break
                fault = draft.failed(deployment, error)
                level = logging.INFO if fault in PASSED_OVER else logging.WARNING
                logger.log(level, "model %s failed: %s", deployment.model, fault, exc_info=_unforeseen(error))
                if isinstance(error, RequestError) and (following is None or self._late(request)):
                    raise
                if isinstance(error, GeneratorFailed):
                    faults.append(error)
                if following is None and _refusal(faults, draft):
                    continue  # to the abstention
                if following is None or (draft.said and policy is MidStream.FAIL):
                    raise self._given_up(faults) from error
                for told in draft.hand_over(following, policy):
                    yield told
        yield draft.completed(watermark)

    async def _chosen(self, request: GenerateRequest, choice: Choice) -> "_Chosen":
        """The caller's route, or the router's. One that there is not is replaced by the default one, and declared."""
        if choice.route:
            return _Chosen(choice.route, "the caller's choice")
        names = self._routes.writing(request.sampling.format)
        default = DEFAULT_ROUTE if DEFAULT_ROUTE in names else names[0]
        if len(names) == 1:
            return _Chosen(default, "")
        outcome = await self._router(
            RouteRequest(
                context=request.context,
                question=request.question,
                turns=request.turns,
                evidence=request.evidence,
                routes=names,
                max_cost=choice.max_cost,
            )
        )
        found = outcome.result
        if found is None:
            return _Chosen(default, "", outcome.degradation)
        if found.route not in names:
            return _Chosen(default, "", Degradation(stage=ROUTER.name, reason="named a route that there is not"))
        return _Chosen(found.route, found.why, outcome.degradation)

    async def _attempt(
        self, deployment: Deployment, draft: Draft, choice: Choice, render: Render | None
    ) -> AsyncGenerator[GenerateEvent, None]:
        whole = draft.request()
        window, fitted = deployment.window, Fitted(request=whole)
        if not surely_fits(whole, window):
            fitted = await self._lane.run(fit, whole, window, render)
        if choice.max_cost is not None:
            left = choice.max_cost - draft.spent
            await self._lane.run(check_cost, deployment.name, deployment.price, window, fitted.request, left)
        draft.asks(fitted)
        async with deployment(fitted.request) as events:
            async for event in events:
                for told in draft.told(deployment, event):
                    yield told
                if draft.finished:
                    return
        raise GeneratorFailed(Fault.CUT, "the stream ended without its end")

    async def _pause(self, request: GenerateRequest, faults: list[GeneratorFailed], tries: int) -> None:
        """Before a further round. Raises where none is of use, or where there is no time for it."""
        worth = [error.retry_after_s for error in faults if error.fault in RETRYABLE]
        backoff = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**tries) * self._dice.uniform(0.5, 1.0)
        asked = 0.0 if None in worth else min((seconds for seconds in worth if seconds is not None), default=0.0)
        pause = max(backoff, asked)
        if not worth or pause > LONGEST_PAUSE_S or self._late(request, pause):
            raise self._given_up(faults)
        await asyncio.sleep(pause)

    def _late(self, request: GenerateRequest, seconds: float = 0.0) -> bool:
        """Whether the caller will be gone by then."""
        deadline = request.context.deadline
        return deadline is not None and self._clock.monotonic() + seconds >= deadline

    def _given_up(self, faults: list[GeneratorFailed]) -> RequestError:
        asked = [error for error in faults if error.fault not in PASSED_OVER]
        if asked and all(error.fault is Fault.RATE_LIMITED for error in asked):
            waits = [error.retry_after_s for error in asked if error.retry_after_s is not None]
            return Overloaded("the models are at their limits; try again", retry_after_s=min(waits, default=1.0))
        if faults and all(error.fault is Fault.TOO_LONG for error in faults):
            what = "is too long for the models of the route, with the earlier turns and room for the answer"
            return InvalidRequest.of_field("search.question", what)
        if not faults:
            return StageFailed("no model answered", metadata={"stage": "generator"})
        fault = (asked or faults)[-1].fault.value
        return StageFailed("no model answered", metadata={"stage": "generator", "fault": fault})


class _Chosen(NamedTuple):
    route: str
    why: str
    degradation: Degradation | None = None


def _refusal(faults: list[GeneratorFailed], draft: Draft) -> Abstention | None:
    """Why there is no answer, where nothing is wrong with the models. None also where the question fits none of them."""
    kinds = {error.fault for error in faults} - {Fault.TOO_LONG}
    if draft.tries != len(faults) or not kinds or not kinds <= {Fault.FILTERED, Fault.OVER_BUDGET}:
        return None
    return Abstention.BUDGET if Fault.OVER_BUDGET in kinds else Abstention.POLICY


def _unforeseen(error: Exception) -> Exception | None:
    return None if isinstance(error, GeneratorFailed | RequestError) else error
