"""Float and dynamic-range models to full int8: what measures, rounds, writes and compares."""
