"""The models and snapshots of a server, shared by all sessions. This package knows no Streamlit."""
