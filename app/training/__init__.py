"""Trainings that the page starts or opens. This package knows no Streamlit."""
