"""Scores to hold the metric against: overlap with references, and sentinels that look at no image."""
