"""What one person looks at, without Streamlit."""
