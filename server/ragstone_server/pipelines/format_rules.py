"""What a prompt says of the format of the answer, whatever its template."""

from ragstone_server.catalog.prompt_builtin import NO_ANSWER_MARK
from ragstone_server.spi.generator import AnswerFormat, Sampling

_RULES = {
    AnswerFormat.TEXT: "Format of the answer: plain text, without Markdown.",
    AnswerFormat.MARKDOWN: "Format of the answer: Markdown.",
}


def with_rule(system: str, user: str, sampling: Sampling) -> tuple[str, str]:
    """System and user message with the rule. That of JSON, with the schema of a caller, stands with the words of the caller."""
    if sampling.json_schema is None:
        return f"{system}\n\n{_RULES[sampling.format]}".lstrip(), user
    rule = (
        "Write the answer as JSON that obeys this schema, with the [numbers] in its texts, and nothing else; without an "
        f"answer, {NO_ANSWER_MARK} stands in place of the first text:"
    )
    return system, f"{user}\n\n{rule}\n{sampling.json_schema}"
