"""What is known of models beside their weights: cutoffs, and scores that were published.

``registry`` reads ``data/models.toml``, ``chain`` makes the effective cutoff of it, ``hub`` asks
when unknown weights were uploaded, and ``choice`` decides and fills the spec.  ``claims`` reads
``data/claims.toml`` and ``cards`` what a model's own files claim.  ``split`` holds a task's
problems before the cutoff against those after it.
"""

from reasonbench.models.cards import claims_in_card, claims_in_folder, claims_in_results
from reasonbench.models.chain import ChainLink, Effective, effective
from reasonbench.models.choice import resolve, with_cutoff
from reasonbench.models.claims import Claims, PublishedClaim, read_claims, shipped_claims
from reasonbench.models.registry import KnownModel, Registry, read_registry, registry

__all__ = [
    "ChainLink",
    "Claims",
    "Effective",
    "KnownModel",
    "PublishedClaim",
    "Registry",
    "claims_in_card",
    "claims_in_folder",
    "claims_in_results",
    "effective",
    "read_claims",
    "read_registry",
    "registry",
    "resolve",
    "shipped_claims",
    "with_cutoff",
]
