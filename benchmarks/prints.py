"""The command of capture.py: notes when it begins, then prints as fast as it can.

Arguments: the file for the moment of the first write, the descriptor, how many bytes in all, how
many in each write, and 1 for lines of 80 bytes or 0 for no newline.
"""

import os
import sys
import time

note, *numbers = sys.argv[1:]
descriptor, size, piece, has_lines = map(int, numbers)
line = b"x" * 79 + (b"\n" if has_lines else b"x")
block = line * (piece // len(line))
with open(note, "w") as file:
    file.write(repr(time.monotonic()))
for _ in range(size // len(block)):
    os.write(descriptor, block)
rest = block[: size % len(block)]
while rest:
    rest = rest[os.write(descriptor, rest) :]
