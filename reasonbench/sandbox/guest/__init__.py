"""What runs inside the sandbox: standard library only, and nothing else of reasonbench.

``boot`` is the entry.  ``zygote`` forks one ``supervisor`` a test, which forks the
candidate; ``confine`` takes its rights away; ``candidate`` and ``suite`` run the code.
``codec`` and ``wire`` are shared with the outside.
"""
