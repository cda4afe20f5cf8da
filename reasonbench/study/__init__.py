"""Studies: arms x seeds, trained, sampled and compared on one set of problems."""
