"""What a run or the weights of a model mean, as numbers."""
