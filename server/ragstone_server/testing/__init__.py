"""For plugin authors: conformance suites, one a kind, and in-memory stages that pass them. Imports `spi` only."""
