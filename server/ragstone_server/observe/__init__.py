"""What the server says of itself: logs, times of stages, redaction."""
