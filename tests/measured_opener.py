"""The sandbox process, which at its end prints by how many MB the largest of its forks outgrew it.

Only the parent of the forks can measure this: the system's count for a child includes the memory of the process that
started it, from before the new program was loaded.
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
