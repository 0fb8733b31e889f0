"""The models and snapshots of a server, shared by all sessions. No Streamlit."""
