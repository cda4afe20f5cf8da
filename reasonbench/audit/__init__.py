"""The audit: sample, search the traces, ask the model, compare, decide.

``running`` does the work, ``sides`` lets detectors on the model's side sample more, ``price``
says what a leak is worth, ``assembly`` puts it all together, and ``files`` writes and reads it.
The rules of the verdict stand in ``verdict.py``.
"""

from reasonbench.audit.assembly import assemble
from reasonbench.audit.files import AUDIT_FILE, load_audit, read_audit, run_beside, write_audit
from reasonbench.audit.running import run_audit

__all__ = [
    "AUDIT_FILE",
    "assemble",
    "load_audit",
    "read_audit",
    "run_audit",
    "run_beside",
    "write_audit",
]
