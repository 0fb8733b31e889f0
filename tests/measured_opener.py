"""The process that opens pickled files, which at its end prints by how many MB the largest of its forks outgrew it.

Only the parent of the forks can tell: what the system counts of a process from outside holds the memory of who started
it, as that was before the new program took its place.
"""

import sys
from pathlib import Path

from gptcore.checkpoint.sandbox import worker

if __name__ == "__main__":
    worker.main(sys.stdin)
    if sys.platform == "linux":
        import resource

        own = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
        print(max(0, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - own) / 1e3)
    else:
        print(0)
