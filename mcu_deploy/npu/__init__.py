"""Ethos-U: running Vela, and reading what it made."""
