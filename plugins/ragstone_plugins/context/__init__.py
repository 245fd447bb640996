"""Context filter: what should not reach the prompt."""
