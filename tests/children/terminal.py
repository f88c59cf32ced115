"""Print what this program can see of its terminal, one fact a line."""

import os
import sys
import termios

for descriptor in (0, 1, 2):
    is_terminal = os.isatty(descriptor)
    print(descriptor, "is a terminal:", is_terminal, flush=True)
    if is_terminal:
        modes = termios.tcgetattr(descriptor)
        modes[1] &= termios.OPOST  # the rest is the one difference of ours: exact bytes are kept
        print("size", os.get_terminal_size(descriptor), "modes", modes)
print(
    "our terminal", os.ttyname(0) == os.ttyname(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)) or 1
)
print("foreground", os.tcgetpgrp(0) == os.getpgrp())
print("leads its group", os.getpgrp() == os.getpid() and "METICULOUS_RUN_DIR" in os.environ)
print("buffering", sys.stdout.line_buffering, sys.stdout.write_through)
