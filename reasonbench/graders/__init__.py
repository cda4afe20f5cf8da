"""Judges of completions: extraction, the built-in graders, and the pool that runs them.

``pool`` gives each grader worker processes that can be killed; no grader runs in the
process that samples.  Nothing from a completion is ever evaluated as code.
"""
