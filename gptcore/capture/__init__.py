"""One run of a model, with every tensor of it."""
