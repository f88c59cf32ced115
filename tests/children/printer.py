"""Print: ``random BYTES`` on each stream, ``many MIB`` of lines, a ``line MIB`` long, ``turns N``.

Turns go to stdout and stderr one after the other; each is answered on stdin before the next.
"""

import os
import random
import sys


def write(descriptor, content):
    while content:
        content = content[os.write(descriptor, content) :]


what, count = sys.argv[1], int(sys.argv[2])
if what == "random":
    source = random.Random(7)
    for stream in (1, 2):
        write(stream, source.randbytes(count))
elif what == "many":
    block = (b"x" * 79 + b"\n") * 13_107
    for _ in range(count):
        write(1, block + b"y" * (2**20 - len(block)))
elif what == "line":
    for _ in range(count):
        write(1, b"z" * 2**20)
elif what == "turns":
    for number in range(count):
        write(1 + number % 2, b"%d of %d\n" % (number, count))
        sys.stdin.readline()
