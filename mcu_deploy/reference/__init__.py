"""The judges: what the firmware must compute, bit for bit."""
