"""One person's view of a model, without Streamlit."""
