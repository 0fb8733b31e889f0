"""The guard between strangers and Streamlit: it knows Streamlit, and nothing of what a person looks at."""
