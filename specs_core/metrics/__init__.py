"""Metrics side by side on the same captions: one table of them, and one row for each item and metric."""
