"""What callers may ask of an answer, checked before any work is spent."""

from dataclasses import replace

from ragstone_server.pipelines.json_schema import InvalidSchema, json_schema
from ragstone_server.pipelines.settings import AnswerSettings
from ragstone_server.spi.errors import InvalidRequest
from ragstone_server.spi.generator import AnswerFormat, Sampling


def check_budgets(settings: AnswerSettings, context_tokens: int | None, max_output_tokens: int | None) -> None:
    """Raises `InvalidRequest` for one that is larger than callers may ask for, and than the configured one."""
    for field, asked in (("context_tokens", context_tokens), ("max_output_tokens", max_output_tokens)):
        limit = max(getattr(settings, f"{field}_limit"), getattr(settings, field))
        if asked is not None and asked > limit:
            raise InvalidRequest.of_field(field, f"at most {limit} on this server, not {asked}")


def permitted(settings: AnswerSettings, sampling: Sampling, wanted: AnswerFormat | None) -> Sampling:
    """The sampling, with the format of the answer. Raises `InvalidRequest` for what callers may not choose."""
    if sampling.temperature is not None and not settings.callers_set_temperature:
        raise InvalidRequest.of_field("temperature", "this server does not let callers set it")
    if sampling.stop and not settings.callers_set_stop:
        raise InvalidRequest.of_field("stop", "this server does not let callers set it")
    chosen = wanted or settings.format
    if chosen is not settings.format and chosen not in settings.formats:
        open_ones = ", ".join(each.upper() for each in AnswerFormat if each in {settings.format, *settings.formats})
        raise InvalidRequest.of_field(
            "format", f"this server does not answer in {chosen.upper()}; it does in {open_ones}"
        )
    if (chosen is AnswerFormat.JSON) != (sampling.json_schema is not None):
        what = "an answer in JSON needs one" if chosen is AnswerFormat.JSON else "goes with the format JSON only"
        raise InvalidRequest.of_field("json_schema", what)
    if sampling.json_schema is not None:
        try:
            json_schema(sampling.json_schema)
        except InvalidSchema as error:
            raise InvalidRequest.of_field("json_schema", str(error)) from error
    return replace(sampling, format=chosen)
