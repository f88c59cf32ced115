"""The two streams of a command or a script: taken, kept byte for byte, passed on."""
