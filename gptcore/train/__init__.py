"""The trainer, `python -m gptcore.train`. Nothing else in gptcore imports this package."""
