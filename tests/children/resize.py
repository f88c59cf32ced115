"""Print the size at the start and after each SIGWINCH, and whether it is the size of all streams.

A handler that uses print() would fail where a second signal comes while the first is handled.
"""

import os
import signal


def show(*_):
    sizes = {os.get_terminal_size(descriptor) for descriptor in (0, 1, 2)}
    text = "size %s\n" % " ".join(sorted(str((size.lines, size.columns)) for size in sizes))
    os.write(1, text.encode())


signal.signal(signal.SIGWINCH, show)
show()
print("ready", flush=True)
while True:
    signal.pause()
