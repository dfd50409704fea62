"""The models that we know: their cards in ``models/*.toml``, matched to a file by its hash."""
