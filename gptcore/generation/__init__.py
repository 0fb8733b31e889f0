"""A text that a model goes on with, and the distribution that each of its tokens is drawn from."""
