"""What an answer costs, and what it may cost at most (promise P8)."""

from decimal import Decimal

from ragstone_server.routing.settings import Price
from ragstone_server.spi.generator import UNASKED, Fault, GenerateRequest, GeneratorFailed, Usage, Window
from ragstone_server.spi.model_tokenizer import guessed_tokens
from ragstone_server.spi.token_estimates import MESSAGE_TOKENS

MILLION = 1_000_000
FREE = Price(input=Decimal(0), output=Decimal(0))


def cost_of(price: Price, usage: Usage) -> Decimal:
    """US dollars."""
    return (price.input * usage.input_tokens + price.output * usage.output_tokens) / MILLION


def most_of(price: Price, window: Window | None, request: GenerateRequest) -> Decimal:
    """US dollars that the request costs at most: the answer is as long as it may be.

    The prompt is counted by the model's own tokenizer where it is known, else as rather too many tokens.
    """
    if not price.input:
        prompt = 0
    else:
        count = guessed_tokens if window is None else window.count
        prompt = count(request.prefix) + sum(count(message.text) + MESSAGE_TOKENS for message in request.prompt)
    return cost_of(price, Usage(input_tokens=prompt, output_tokens=request.max_output_tokens, estimated=True))


def check_cost(name: str, price: Price | None, window: Window | None, request: GenerateRequest, left: Decimal) -> None:
    """Refuse before anything is spent: raises `GeneratorFailed` (`OVER_BUDGET`). Counts tokens, so a thread runs it."""
    if price is None:
        raise GeneratorFailed(Fault.OVER_BUDGET, f"the price of {name} is not known", usage=UNASKED)
    if most_of(price, window, request) > left:
        raise GeneratorFailed(Fault.OVER_BUDGET, f"{name} may cost more than the caller permits", usage=UNASKED)
