"""Servicers, interceptors, and the one status map."""
