"""Print how this program was called, each thing on a line."""

import os
import sys

print([os.fsencode(word) for word in sys.argv[1:]])
print(os.getcwd())
print(sys.executable)
