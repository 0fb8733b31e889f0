"""Numbers that say what a run or the weights of a model mean."""
