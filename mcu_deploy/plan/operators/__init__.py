"""How operators become calls of kernels, a module for each family of them."""
