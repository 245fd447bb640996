"""What is stored, brought to the schema that the program knows."""

from ragstone_server.app.configuration import Configuration
from ragstone_server.config.validation import validated
from ragstone_server.registry.offers import Offers
from ragstone_server.spi.kinds import CATALOG


async def migrate(offers: Offers, configuration: Configuration) -> str:
    """Migrate the selected catalog; tell what was done. Raises `StartError`, `ConfigurationInvalid`."""
    selection = configuration.selections[CATALOG.name]
    provider = offers.find(CATALOG, selection.use).provider
    config = validated(provider.config, selection.config, CATALOG.name)
    if provider.migrate is None:
        return f"the catalog {provider.name} is migrated by `ragstone serve` itself; nothing was done"
    return await provider.migrate(config)
