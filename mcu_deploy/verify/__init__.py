"""Comparing what the target computed with what Python computes, bit for bit."""
