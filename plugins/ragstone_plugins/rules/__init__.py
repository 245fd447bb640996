"""Rewriter `rules`: leaves out what is said for politeness, puts in what a follow-up question leaves unsaid. For English."""
