"""In-memory stages for unit tests and simulations; each passes the suite of its kind."""
