"""Searches for benchmark problems in teacher traces."""
