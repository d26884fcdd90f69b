"""Train the shipped pipeline: the treebank, generated caption trees, the loop and the card."""
