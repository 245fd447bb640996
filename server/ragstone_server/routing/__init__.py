"""Which model answers: routes of deployments, their health and their limits."""
