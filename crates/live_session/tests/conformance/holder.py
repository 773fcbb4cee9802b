"""Has the file argv[1] open and mapped, and says line by line what it sees of it."""

import mmap
import os
import sys

path = sys.argv[1]
descriptor = os.open(path, os.O_RDONLY)
mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)


def look(what):
    if what == "read":
        return os.pread(descriptor, 4096, 0)
    if what == "map":
        return mapped[:]
    if what == "size":
        return str(os.fstat(descriptor).st_size).encode()
    if what == "links":
        return str(os.fstat(descriptor).st_nlink).encode()
    with open(path, "rb") as file:
        return file.read()


for line in sys.stdin:
    try:
        seen = look(line.strip()).replace(b"\0", rb"\0").decode()
    except OSError as error:
        seen = type(error).__name__
    print(seen)
