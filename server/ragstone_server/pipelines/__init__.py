"""The use cases: one class, one public method, which reads as its list of steps."""
