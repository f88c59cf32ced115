"""Run a command and write its exit code and peak memory in bytes to a file: measure.py FILE CMD…

In a small process of its own, because Linux counts as a child's what its parent had before exec.
"""

import os
import sys

pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
with open(sys.argv[1], "w") as file:
    file.write("%d %d" % (os.WEXITSTATUS(status), used.ru_maxrss * 1024))
