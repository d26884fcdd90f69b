"""Readers of data sets, and what turns published files into this project's lines."""
