"""The map of a GPT as data: its tensors, how each is made, and drawings of them. Needs no weights."""
