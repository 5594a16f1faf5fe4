"""Comparisons of losses: plan, storage of results, statistics, report."""
