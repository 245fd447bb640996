"""What an answer costs, and what it may cost at most (promise P8)."""

from decimal import Decimal

from ragstone_server.routing.settings import Price
from ragstone_server.spi.generator import GenerateRequest, Usage
from ragstone_server.spi.model_tokenizer import PieceTokenizer

MILLION = 1_000_000
FREE = Price(input=Decimal(0), output=Decimal(0))


def cost_of(price: Price, usage: Usage) -> Decimal:
    """US dollars."""
    return (price.input * usage.input_tokens + price.output * usage.output_tokens) / MILLION


def most_of(price: Price, request: GenerateRequest) -> Decimal:
    """US dollars that the request costs at most: counted rather too high, with an answer as long as it may be."""
    count = PieceTokenizer().offsets
    prompt = sum(len(count(text)) for text in (*(message.text for message in request.prompt), request.prefix))
    return cost_of(price, Usage(input_tokens=prompt, output_tokens=request.max_output_tokens, estimated=True))
