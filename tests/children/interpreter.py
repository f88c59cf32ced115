"""Print what the interpreter was told: flags, where it looks for modules, its streams."""

import os
import sys

OURS = "METICULOUS_RUN_DIR" in os.environ
path = [entry for entry in sys.path if not entry.endswith(os.path.join("child", "startup"))]
print(sys.flags, sys.warnoptions, sys._xoptions)
print(path)
print(sys.stdin, sys.stdout.encoding, sys.stderr.errors, sys.getfilesystemencoding())
print("site" in sys.modules, "argparse" in sys.modules, sys.dont_write_bytecode)
