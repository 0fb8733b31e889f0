"""The script that `streamlit run` runs at each change of each session: it draws the frame."""

import gc

try:
    # All that is imported stays: the collector would look through it again and again, for half a second of the start.
    gc.disable()
    from app.frame import frame
finally:
    gc.enable()
    if not gc.get_freeze_count():  # the first time
        gc.freeze()

if __name__ == "__main__":
    frame()
