"""Discovers plugins, refuses conflicts, and opens the selected ones on one exit stack."""
