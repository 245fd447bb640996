"""The methods of AdminService about prompt templates: convert, call, convert."""

from typing import Any

from grpc import aio

from ragstone.v1 import admin_service_pb2
from ragstone_server.catalog.prompts import Prompts
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.prompts import BUILT_IN, PromptName, PromptVersion
from ragstone_server.transport.convert.paging import next_token, number_after
from ragstone_server.transport.convert.prompts import activation_to, draft_from, prompt_to
from ragstone_server.transport.grpc.identity import DEVELOPER

Context = aio.ServicerContext[Any, Any]
PAGE = 100


class PromptMethods:
    """Part of the servicer of AdminService."""

    _prompts: Prompts

    async def CreatePrompt(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.CreatePromptRequest, context: Context
    ) -> admin_service_pb2.CreatePromptResponse:
        """Create a version."""
        collection = CollectionName.parse(request.parent)
        template = await self._prompts.create(collection, draft_from(request.prompt), DEVELOPER.principal)
        in_use = await self._prompts.in_use(collection)
        return admin_service_pb2.CreatePromptResponse(prompt=prompt_to(collection, template, in_use))

    async def GetPrompt(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.GetPromptRequest, context: Context
    ) -> admin_service_pb2.GetPromptResponse:
        """Read a version."""
        return admin_service_pb2.GetPromptResponse(prompt=await self._prompt(PromptName.parse(request.name)))

    async def ListPrompts(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.ListPromptsRequest, context: Context
    ) -> admin_service_pb2.ListPromptsResponse:
        """List the versions."""
        collection = CollectionName.parse(request.parent)
        limit = request.page_size or PAGE
        after = PromptVersion(number_after(request.page_token) or BUILT_IN)
        templates = await self._prompts.templates(collection, after, limit + 1)
        in_use = await self._prompts.in_use(collection)
        return admin_service_pb2.ListPromptsResponse(
            prompts=[prompt_to(collection, template, in_use) for template in templates[:limit]],
            next_page_token=next_token(str(templates[limit - 1].version)) if len(templates) > limit else "",
        )

    async def ActivatePrompt(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.ActivatePromptRequest, context: Context
    ) -> admin_service_pb2.ActivatePromptResponse:
        """Put a version into use."""
        name = PromptName.parse(request.name)
        await self._prompts.activate(name, DEVELOPER.principal)
        return admin_service_pb2.ActivatePromptResponse(prompt=await self._prompt(name))

    async def RollBackPrompt(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.RollBackPromptRequest, context: Context
    ) -> admin_service_pb2.RollBackPromptResponse:
        """Undo an activation."""
        collection = CollectionName.parse(request.parent)
        activation = await self._prompts.roll_back(collection, DEVELOPER.principal)
        name = PromptName(collection=collection, version=activation.version)
        return admin_service_pb2.RollBackPromptResponse(prompt=await self._prompt(name))

    async def DiffPrompts(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.DiffPromptsRequest, context: Context
    ) -> admin_service_pb2.DiffPromptsResponse:
        """Compare two versions."""
        other = PromptVersion(request.other_version) if request.HasField("other_version") else None
        return admin_service_pb2.DiffPromptsResponse(
            diff=await self._prompts.diff(PromptName.parse(request.name), other)
        )

    async def ListPromptActivations(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.ListPromptActivationsRequest, context: Context
    ) -> admin_service_pb2.ListPromptActivationsResponse:
        """List the history."""
        collection = CollectionName.parse(request.parent)
        limit = request.page_size or PAGE
        rows = await self._prompts.activations(collection, number_after(request.page_token), limit + 1)
        return admin_service_pb2.ListPromptActivationsResponse(
            activations=[activation_to(collection, row) for row in rows[:limit]],
            next_page_token=next_token(str(rows[limit - 1].number)) if len(rows) > limit else "",
        )

    async def _prompt(self, name: PromptName) -> admin_service_pb2.Prompt:
        template = await self._prompts.template(name)
        return prompt_to(name.collection, template, await self._prompts.in_use(name.collection))
