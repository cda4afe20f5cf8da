"""The companion trainer: a teacher's traces into a bank, and a student trained on a view of it.

Everything of TRL stands behind ``adapter``, since its trainers move between releases.
"""
