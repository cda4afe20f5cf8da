"""Text to matches: reading traces, words with their places, runs of words.

Stands alone: it knows nothing of models, tasks or runs.
"""
