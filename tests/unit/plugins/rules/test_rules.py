"""What the rules leave out, what they put in, and what they leave alone."""

import pytest

from ragstone_plugins.rules.followup import leaning
from ragstone_plugins.rules.politeness import without_politeness
from ragstone_plugins.rules.rewriter import RulesRewriter
from ragstone_plugins.rules.settings import RulesSettings
from ragstone_plugins.rules.words import is_english
from ragstone_server.spi.rewriter import RewriteRequest, SearchText
from ragstone_server.spi.turns import Role, Turn
from ragstone_server.testing.conformance.samples import CONTEXT


async def rewrite(question: str, *said: str, **settings: int) -> SearchText:
    """User and assistant speak by turns."""
    turns = tuple(Turn(role=(Role.USER, Role.ASSISTANT)[i % 2], text=text) for i, text in enumerate(said))
    rewriter = RulesRewriter(RulesSettings(**settings))
    return await rewriter(RewriteRequest(context=CONTEXT, question=question, turns=turns))


@pytest.mark.parametrize(
    ("question", "bare"),
    [
        ("Hi, could you please tell me what the fare is? Thanks!", "what the fare is?"),
        ("Good morning, quick question: who is the harbour master, please?", "who is the harbour master?"),
        ("I was wondering whether bikes are free", "bikes are free"),
        ("do you know if MV Dunlin is electric?", "MV Dunlin is electric?"),
        ("Dear Ms Smith, when is bunkering allowed? Kind regards, Bob", "when is bunkering allowed?"),
        ("Tell me about pets", "pets"),
        ("Hello", "Hello"),
        ("thanks", "thanks"),
        ("please?", "please?"),
        # Not politeness:
        ("Can you bring dogs on board?", "Can you bring dogs on board?"),
        ("Hi-Fi policy", "Hi-Fi policy"),
        ("Hello world program", "Hello world program"),
        ("Show your ticket where?", "Show your ticket where?"),
    ],
)
def test_politeness(question: str, bare: str) -> None:
    assert without_politeness(question) == bare


@pytest.mark.parametrize(
    ("question", "lexical"),
    [
        ("How much is the deposit for a reefer plug?", "much deposit reefer plug"),
        ("What is the IT policy of the US office?", "IT policy US office"),
        ("WHAT IS THE FARE", "fare"),
        ("Is it not allowed?", "not allowed"),
        ("what is it", "what is it"),
        ("ISO-9001 check-in 2,880 v1.2", "ISO-9001 check-in 2 880 v1.2"),
    ],
)
async def test_words_with_a_meaning(question: str, lexical: str) -> None:
    assert (await rewrite(question)).lexical == lexical


@pytest.mark.parametrize(
    "question",
    ["And how fast is it?", "Why?", "What about bicycles?", "and for dogs?", "How do I get there?", "What is that?",
     "Do they bite?", "Is this allowed?", "How long?", "Which of those is the best?"],
)  # fmt: skip
def test_leans(question: str) -> None:
    assert leaning(question)


@pytest.mark.parametrize(
    "question",
    ["What is the refund policy?", "Is it possible to bring a dog?", "Which ferries sail this summer?",
     "When was MV Dunlin built and how long is it?", "Which is the ferry that carries lorries?", "Is there a lift?"],
)  # fmt: skip
def test_stands_alone(question: str) -> None:
    assert not leaning(question)


ASKED, ANSWERED = "How long is MV Dunlin?", "MV Dunlin is 48.2 metres long [1]. She serves Route 3 to Nordvik."


async def test_a_pronoun_gets_what_it_stands_for() -> None:
    found = await rewrite("And how fast is it?", ASKED, ANSWERED)
    assert found.dense == "And how fast is it? (long MV Dunlin Route 3 Nordvik)"
    assert found.lexical == "fast long MV Dunlin Route 3 Nordvik"


async def test_another_name_replaces_the_former() -> None:
    assert (await rewrite("And MV Kittiwake?", ASKED, ANSWERED)).lexical == "MV Kittiwake long"


async def test_a_chain_of_follow_ups_leads_back_to_the_question() -> None:
    found = await rewrite("And MV Gannet?", ASKED, ANSWERED, "And MV Kittiwake?", "86.4 metres.")
    assert found.lexical == "MV Gannet long"


async def test_a_question_that_stands_alone_gets_nothing() -> None:
    question = "What is the refund policy for cancelled sailings?"
    assert (await rewrite(question, ASKED, ANSWERED)).dense == question


async def test_without_turns_nothing_is_added() -> None:
    assert (await rewrite("And how fast is it?")).dense == "And how fast is it?"
    assert (await rewrite("And how fast is it?", ASKED, ANSWERED, max_turns=0)).dense == "And how fast is it?"
    assert (await rewrite("And how fast is it?", ASKED, ANSWERED, max_added_terms=0)).dense == "And how fast is it?"


async def test_what_is_added_is_bounded() -> None:
    names = " ".join(f"then Name{chr(65 + i % 26)}{i}" for i in range(5000))
    found = await rewrite("And what about it?", names, names)
    assert len(found.dense.split()) <= 4 + 12


@pytest.mark.parametrize(
    "question",
    ["Wie lange werden Fundsachen aufbewahrt und was kostet das?", "Quels sont les tarifs pour les vélos ?", "它多少钱？",
     "遺失物はどのくらい保管されますか", "¿Cuánto cuesta y para qué es?", "Сколько это стоит?"],
)  # fmt: skip
async def test_other_languages_pass(question: str) -> None:
    assert not is_english(question)
    assert await rewrite(question, ASKED, ANSWERED) == SearchText(dense=question, lexical=question)


@pytest.mark.parametrize("piece", ["please ", "hi, ", "thanks, ", "it ", "( ", "a-", "? ", "dear a ", "Word "])
async def test_a_long_question_is_rewritten_in_the_end(piece: str) -> None:
    rewritten = await rewrite(piece * 5000, piece * 5000, piece * 5000)
    assert rewritten.dense
