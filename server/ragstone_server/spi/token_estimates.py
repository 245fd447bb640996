"""Tokens by a rough count of characters, where nobody counts them: English prose has four to five characters a token."""

from ragstone_server.spi.generator import GenerateRequest, Usage

CHARACTERS_A_TOKEN = 4
MESSAGE_TOKENS = 8
"""What the chat format of a model puts around a message, generously."""


def tokens_of(characters: int) -> int:
    """Tokens of so many characters, rounded up."""
    return -(-characters // CHARACTERS_A_TOKEN)


def prompt_tokens(request: GenerateRequest) -> int:
    """Tokens of all messages, and of the beginning of the answer that goes with them."""
    return tokens_of(sum(len(message.text) for message in request.prompt) + len(request.prefix))


def estimated_usage(request: GenerateRequest, characters: int) -> Usage:
    """What an answer of so many characters has consumed, marked as an estimate."""
    return Usage(input_tokens=prompt_tokens(request), output_tokens=tokens_of(characters), estimated=True)
