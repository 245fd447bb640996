"""One suite a kind: subclass it in a test file, give it a fixture that opens your stage."""
