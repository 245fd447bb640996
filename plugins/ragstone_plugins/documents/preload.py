"""Imported by the fork server, so that workers are born with the libraries loaded."""

from ragstone_plugins.documents.worker import load_readers

load_readers()
