"""Families of coding problems; one module each."""

from reasonbench.fresh.families.code import (
    budget_windows,
    capped_groups,
    collapsing_tiles,
    forbidden_pattern,
    gcd_classes,
    layered_coverage,
    leaper_grid,
    long_walk,
    remainder_windows,
    rest_day_jobs,
    rested_bookings,
    resting_machines,
    sightlines,
    signal_routes,
    spaced_picks,
    xor_band,
)
from reasonbench.fresh.family import CodeFamily

FAMILIES: tuple[CodeFamily, ...] = (
    budget_windows.FAMILY,
    capped_groups.FAMILY,
    collapsing_tiles.FAMILY,
    forbidden_pattern.FAMILY,
    gcd_classes.FAMILY,
    layered_coverage.FAMILY,
    leaper_grid.FAMILY,
    long_walk.FAMILY,
    remainder_windows.FAMILY,
    rest_day_jobs.FAMILY,
    rested_bookings.FAMILY,
    resting_machines.FAMILY,
    sightlines.FAMILY,
    signal_routes.FAMILY,
    spaced_picks.FAMILY,
    xor_band.FAMILY,
)
