"""Writing C, CMake and linker scripts from a plan; the Jinja2 environment."""
