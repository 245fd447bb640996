"""What `make bench` measures, each beside a floor from the same run."""
