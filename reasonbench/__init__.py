"""reasonbench: is a distilled reasoning model's score real?

Importing this package imports nothing heavy; reach the parts by their module
(``reasonbench.specs``, ``reasonbench.run``, ``reasonbench.stats`` ...).
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
