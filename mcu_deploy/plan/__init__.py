"""From a checked graph to a plan: kernels chosen, weights packed, memory laid out."""
