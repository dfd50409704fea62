"""Boards as data: reading, checking, and placing a deployment in a board's memories."""
