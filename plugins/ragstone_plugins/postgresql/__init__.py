"""The catalog store `postgresql`: one database for many servers."""
