"""The Streamlit app: a thin layer over gptcore. Started with `streamlit run app/main.py`."""
