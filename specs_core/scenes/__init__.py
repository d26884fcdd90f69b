"""Drawn scenes with exact facts: the world that the bundled model knows, and the tests' ground truth."""
