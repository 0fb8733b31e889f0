"""Trainings that the page starts or opens. No Streamlit."""
