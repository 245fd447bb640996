"""Puts the rooms together: reads the configuration, opens the stages, serves, drains, closes."""
