"""The script that `streamlit run` runs at each change of each session: it draws the frame."""

import gc
import sys

first = "app.frame" not in sys.modules
if first:
    gc.disable()
try:
    from app.frame import frame
    from app.state import server
    from app.state.loops import with_few_descriptors
    from app.stores.allocator import give_back
finally:
    if first:
        # What is imported stays: the collector would look through it again and again, for half a second of the start.
        gc.enable()
        gc.freeze()

if __name__ == "__main__":
    if first:
        with_few_descriptors()
        if server.shared():
            give_back()
    frame()
