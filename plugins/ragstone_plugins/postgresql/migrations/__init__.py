"""Alembic's home: each change of the schema is a version here."""
