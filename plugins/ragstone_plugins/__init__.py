"""The plugins that ship with Ragstone, one folder a dependency. They import `ragstone_server.spi` only."""
