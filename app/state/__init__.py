"""The only home of `st.session_state` and `st.cache_*`: what a server shares, what a person has, what was reported."""
