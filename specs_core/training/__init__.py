"""Training with the SPECS objective on one-pass prefixes."""
