"""Reads the configuration once: a TOML file, environment overrides, secrets by reference. The rooms declare what is in it."""
