"""What is stored, brought to the schema that the program knows, or marked as restored."""

from contextlib import nullcontext

from ragstone_server.app.configuration import Configuration
from ragstone_server.app.data_directory import locked
from ragstone_server.config.validation import validated
from ragstone_server.registry.offers import Offers
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.kinds import CATALOG


async def migrate(offers: Offers, configuration: Configuration) -> str:
    """Migrate the selected catalog; tell what was done. Raises `StartError`, `ConfigurationInvalid`."""
    selection = configuration.selections[CATALOG.name]
    provider = offers.find(CATALOG, selection.use).provider
    config = validated(provider.config, selection.config, CATALOG.name)
    if provider.migrate is None:
        return f"the catalog {provider.name} is migrated by `ragstone serve` itself; nothing was done"
    return await provider.migrate(config)


async def new_epoch(offers: Offers, configuration: Configuration) -> str:
    """Give the selected catalog another epoch; tell what was done. Raises `StartError`, `ConfigurationInvalid`."""
    selection = configuration.selections[CATALOG.name]
    provider = offers.find(CATALOG, selection.use).provider
    config = validated(provider.config, selection.config, CATALOG.name)
    if provider.new_epoch is None:
        raise StartError(f"the catalog {provider.name} has no epoch that can be changed")
    data_dir = configuration.server.data_dir
    # Of this machine's servers none is to have it open; where there is no directory yet, none has.
    with locked(data_dir) if data_dir.exists() else nullcontext(data_dir) as directory:
        return await provider.new_epoch(config, directory)
