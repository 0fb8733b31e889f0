"""From tensors and histories to what the panels draw. No Streamlit."""
