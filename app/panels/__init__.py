"""From tensors and histories to the data that the panels draw. This package knows no Streamlit."""
