"""The only home of `st.session_state`: what a server shares, what a person has, what was reported."""
