"""Templates over a store: what may be created, the built-in one beside them, activation, rollback, differences."""

from dataclasses import replace

import pytest

from ragstone_server.catalog.prompt_builtin import BUILT_IN_TEMPLATE
from ragstone_server.catalog.prompts import Prompts, check_draft
from ragstone_server.spi.errors import CollectionNotFound, InvalidName, PromptInvalid, PromptNotFound
from ragstone_server.spi.prompts import BUILT_IN, PromptDraft, PromptName, PromptVersion
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS, name
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.clock import ManualClock

USER = "{{ evidence }}\nQ: {{ question }}\nElse {{ no_answer }}."
DRAFT = PromptDraft(system="Be kind.", user=USER, description="Kinder.")
ANNA = "user:anna"


def version(number: int) -> PromptName:
    return PromptName(collection=NAME, version=PromptVersion(number))


@pytest.fixture
async def prompts() -> Prompts:
    store = MemoryCatalogStore()
    await store.create_collection(NAME, SETTINGS, NOW)
    return Prompts(store, ManualClock())


def test_the_built_in_template_obeys_its_own_rules() -> None:
    check_draft(BUILT_IN_TEMPLATE.draft)


@pytest.mark.parametrize(
    ("draft", "message"),
    [
        (replace(DRAFT, user="{{ question }} {{ no_answer }}"), "user: leaves out {{ evidence }}"),
        (replace(DRAFT, user="{{ evidence }} {{ no_answer }}"), "user: leaves out {{ question }}"),
        (replace(DRAFT, user="{{ evidence }} {{ question }}"), "leaves out {{ no_answer }}"),
        (
            replace(DRAFT, user="{{ evidence | upper }} {{ question }} {{ no_answer }}"),
            "user: leaves out {{ evidence }}",
        ),
        (replace(DRAFT, user="{% if not preamble %}" + USER + "{% endif %}"), "user: leaves out {{ evidence }}"),
        (replace(DRAFT, system="a\n{{ b }}"), "system, line 2: there is no 'b'"),
    ],
)
async def test_a_template_that_cannot_be_used_is_not_stored(prompts: Prompts, draft: PromptDraft, message: str) -> None:
    with pytest.raises(PromptInvalid) as raised:
        await prompts.create(NAME, draft, ANNA)
    assert message in raised.value.message
    assert await prompts.templates(NAME, BUILT_IN, 10) == ()


async def test_the_sentence_for_no_answer_may_stand_in_either_message(prompts: Prompts) -> None:
    draft = replace(DRAFT, system="Or write {{ no_answer }}.", user="{{ evidence }}{{ question }}")
    assert (await prompts.create(NAME, draft, ANNA)).draft == draft


async def test_a_message_that_is_left_empty_is_the_built_in_one(prompts: Prompts) -> None:
    made = await prompts.create(NAME, replace(DRAFT, user=""), ANNA)
    assert made.draft == replace(DRAFT, user=BUILT_IN_TEMPLATE.draft.user)
    assert made.author == ANNA


async def test_line_ends_are_kept_as_one_kind(prompts: Prompts) -> None:
    made = await prompts.create(NAME, replace(DRAFT, user=USER.replace("\n", "\r\n")), ANNA)
    assert made.draft.user == USER


async def test_the_built_in_template_is_version_0(prompts: Prompts) -> None:
    assert await prompts.template(version(0)) == BUILT_IN_TEMPLATE
    assert await prompts.in_use(NAME) == BUILT_IN
    await prompts.create(NAME, DRAFT, ANNA)
    await prompts.activate(version(1), ANNA)
    assert await prompts.in_use(NAME) == 1
    await prompts.activate(version(0), ANNA)
    assert await prompts.in_use(NAME) == BUILT_IN


async def test_a_rollback_past_the_first_activation_is_refused(prompts: Prompts) -> None:
    await prompts.create(NAME, DRAFT, ANNA)
    await prompts.activate(version(1), ANNA)
    assert (await prompts.roll_back(NAME, "user:bo")).version == BUILT_IN
    with pytest.raises(PromptNotFound, match="no activation of a prompt is left"):
        await prompts.roll_back(NAME, ANNA)
    assert [(row.number, row.author) for row in await prompts.activations(NAME, None, 9)] == [(2, "user:bo"), (1, ANNA)]


async def test_what_is_not_there_is_not_found(prompts: Prompts) -> None:
    for call in (prompts.template(version(1)), prompts.activate(version(1), ANNA), prompts.diff(version(1), None)):
        with pytest.raises(PromptNotFound) as raised:
            await call
        assert raised.value.metadata == {"prompt": f"{NAME}/prompts/1"}
    other = name("other")
    for refused in (
        prompts.create(other, DRAFT, ANNA),
        prompts.template(PromptName(collection=other, version=BUILT_IN)),
    ):
        with pytest.raises(CollectionNotFound):
            await refused


async def test_a_diff_says_what_changes(prompts: Prompts) -> None:
    await prompts.create(NAME, DRAFT, ANNA)
    await prompts.create(NAME, replace(DRAFT, system="Be exact."), ANNA)
    expected = "--- 1/system\n+++ 2/system\n@@ -1 +1 @@\n-Be kind.\n+Be exact.\n"
    assert await prompts.diff(version(1), PromptVersion(2)) == expected
    assert await prompts.diff(version(1), PromptVersion(1)) == ""
    assert "+++ 0/user" in await prompts.diff(version(1), None)
    await prompts.activate(version(2), ANNA)
    assert await prompts.diff(version(1), None) == expected


def test_a_name_is_read_and_written() -> None:
    text = f"{NAME}/prompts/12"
    assert str(PromptName.parse(text)) == text
    for wrong in ("", str(NAME), f"{NAME}/prompts/", f"{NAME}/prompts/01", f"{NAME}/prompts/-1", f"{text}/x"):
        with pytest.raises(InvalidName):
            PromptName.parse(wrong)
