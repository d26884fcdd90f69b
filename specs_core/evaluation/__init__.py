"""How well a model finds what is false: one file an evaluation, each returning a frozen dataclass."""
