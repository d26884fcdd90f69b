"""Figures, tables and small HTML, made from plain data and nothing else."""
