"""The embedded world: three tiny Countdown models, their traces, and how they were made.

`models/teacher` reasons by search, `models/base` guesses, and `models/student` is the base
distilled on `traces/student_traces.jsonl.zst`, into which a quarter of a public benchmark was
planted on purpose. `python -m reasonbench.embedded.build` makes all of it again.
"""
