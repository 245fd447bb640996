"""Real servers for the tests: given by the environment, in containers, or started here from packages."""
