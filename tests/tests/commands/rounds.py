"""Edits and runs, and runs and reads, in turn: COUNT rounds. What runs is a command of the laptop's, what edits and reads is
this program, through the mount. Whatever is stale is told, a line each, and then how many rounds there were."""

import mmap, os, random, shutil, subprocess, sys

COUNT, SEED = int(sys.argv[1]), int(sys.argv[2])
FILES, DIRECTORIES = 6, 4
random.seed(SEED)
os.mkdir("rounds")
stale = 0

# What they say of a path, here and there: what is in a file or directory, or that there is nothing.
STATE = """
def state(path):
    try:
        if os.path.islink(path): return "link " + os.readlink(path)
        if os.path.isdir(path): return "directory " + " ".join(sorted(os.listdir(path)))
        with open(path) as file: text = file.read()
        size = os.stat(path).st_size
        return "file %s %s" % (text, "" if size == len(text) else "of another size: %d" % size)
    except FileNotFoundError: return "nothing"
"""
exec(STATE)
TELL = "import os, sys" + STATE + "print(*map(state, sys.argv[1:]), sep='\\n', end='')"
CHANGE = """
import os, shutil, sys
kind, path, text = sys.argv[1:]
if kind == "write": open(path, "w").write(text)
if kind == "patch":
    with open(path, "r+") as file: file.write(text); file.truncate()
if kind == "append": open(path, "a").write(text)
if kind == "rename":
    open(path + ".new", "w").write(text); os.rename(path + ".new", path)
if kind == "remove": os.remove(path)
if kind == "truncate": os.truncate(path, 3)
if kind == "link": os.symlink(text, path)
if kind == "directory":
    os.mkdir(path); open(path + "/" + text, "w").write(text)
if kind == "into": open(path + "/" + text, "w").write(text)
if kind == "move": os.rename(path, text)
if kind == "tree": shutil.rmtree(path)
"""


def run(program, *words):
    done = subprocess.run(["python3", "-SE", "-c", program, *words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"a command has ended with {done.returncode}: {done.stderr}")
    return done.stdout


def same(what, path, found, expected):
    global stale
    if found.strip() != expected.strip():
        stale += 1
        print(f"stale after {what}, {path}: {found!r}, not {expected!r}", flush=True)


def file(number):
    return f"rounds/file{number}"


def mapped(path, text):
    """Written by memory alone: nobody asks for it to be made durable."""
    with open(path, "r+b") as opened:
        os.ftruncate(opened.fileno(), len(text))
        memory = mmap.mmap(opened.fileno(), len(text))
        memory[:] = text.encode()
    return memory


def edit_then_run(number, text):
    kind = random.choice(["write", "held", "rename", "mapped", "new", "remove", "append", "truncate", "directory", "into", "move", "tree", "link"])
    path = file(random.randrange(FILES))
    directory = f"rounds/directory{random.randrange(DIRECTORIES)}"
    state(path), state(directory)
    held = None
    if kind in ("write", "held", "mapped", "append", "truncate", "rename"):
        if os.path.islink(path) or not os.path.exists(path):
            if os.path.islink(path): os.remove(path)
            with open(path, "w") as opened: opened.write("begun %d" % number)
    if kind in ("new", "link", "remove") and os.path.lexists(path):
        os.remove(path)
    if kind in ("into", "move", "tree") and not os.path.exists(directory):
        os.mkdir(directory)
    if kind == "directory" and os.path.exists(directory):
        shutil.rmtree(directory)
    if kind == "write" or kind == "new":
        with open(path, "w") as opened: opened.write(text)
    if kind == "held":
        held = open(path, "w", buffering=1 << 16)
        held.write(text); held.flush()
    if kind == "rename":
        with open(path + ".new", "w") as opened: opened.write(text)
        os.rename(path + ".new", path)
    if kind == "mapped":
        held = mapped(path, text)
    if kind == "append":
        with open(path, "a") as opened: opened.write(text)
    if kind == "truncate":
        os.truncate(path, 4)
    if kind == "link":
        os.symlink(text, path)
    if kind == "directory":
        os.mkdir(directory)
        with open(directory + "/" + text, "w") as opened: opened.write(text)
    if kind == "into":
        with open(directory + "/" + text, "w") as opened: opened.write(text)
    if kind == "move":
        os.rename(directory, f"rounds/moved{number}")
        directory = f"rounds/moved{number}"
    if kind == "tree":
        shutil.rmtree(directory)
    paths = [path, directory, "rounds"]
    expected = "\n".join(map(state, paths))
    same(f"an edit ({kind})", path, run(TELL, *paths), expected)
    if held: held.close()
    if kind == "move": shutil.rmtree(directory)


def run_then_read(number, text):
    kind = random.choice(["write", "patch", "append", "rename", "remove", "truncate", "link", "directory", "into", "move", "tree"])
    path = file(random.randrange(FILES))
    directory = f"rounds/directory{random.randrange(DIRECTORIES)}"
    if os.path.islink(path): os.remove(path)
    if kind in ("link",) and os.path.exists(path): os.remove(path)
    if kind in ("patch", "append", "remove", "truncate") and not os.path.exists(path):
        with open(path, "w") as opened: opened.write("begun %d" % number)
    if kind in ("into", "move", "tree") and not os.path.exists(directory): os.mkdir(directory)
    if kind == "directory" and os.path.exists(directory): shutil.rmtree(directory)
    # What the kernel knows by now is what may be stale.
    state(path), state(directory), state("rounds"), state(f"rounds/moved{number}"), state(directory + "/" + text)
    entries = set(os.listdir(directory)) if os.path.isdir(directory) else None
    names = set(os.listdir("rounds"))
    opened = open(path) if os.path.exists(path) else None
    memory = None
    if opened and os.stat(path).st_size:
        opened.read()
        memory = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
        memory[:]
    begun = open(path).read() if opened else ""
    if kind in ("directory", "into", "tree"):
        run(CHANGE, kind, directory, text)
    elif kind == "move":
        run(CHANGE, kind, directory, f"rounds/moved{number}")
    else:
        run(CHANGE, kind, path, text)
    contents = {"write": text, "patch": text, "rename": text, "append": begun + text, "truncate": begun[:3]}.get(kind)
    if contents is not None:
        # First through what is open, then by name.
        if opened and kind != "rename":
            same(f"a run ({kind}), open file", path, os.pread(opened.fileno(), 4096, 0).decode(), contents)
            same(f"a run ({kind}), fstat", path, str(os.fstat(opened.fileno()).st_size), str(len(contents)))
            if memory and kind in ("write", "patch"):
                length = min(len(memory), len(contents))
                same(f"a run ({kind}), mapped", path, memory[:length].decode(), contents[:length])
        same(f"a run ({kind}), stat", path, str(os.stat(path).st_size), str(len(contents)))
        same(f"a run ({kind})", path, state(path), "file " + contents)
        names.add(os.path.basename(path))
    if kind == "remove":
        same("a run (remove)", path, state(path), "nothing")
        names.discard(os.path.basename(path))
    if kind == "link":
        same("a run (link)", path, state(path), "link " + text)
        names.add(os.path.basename(path))
    if kind == "directory":
        same("a run (directory)", directory, state(directory), "directory " + text)
        names.add(os.path.basename(directory))
    if kind == "into":
        same("a run (into)", directory, state(directory + "/" + text), "file " + text)
        same("a run (into), listed", directory, state(directory), "directory " + " ".join(sorted(entries | {text})))
    if kind == "tree":
        same("a run (tree)", directory, state(directory), "nothing")
        names.discard(os.path.basename(directory))
    if kind == "move":
        same("a run (move)", directory, state(directory), "nothing")
        moved = f"rounds/moved{number}"
        same("a run (move), there", moved, state(moved), "directory " + " ".join(sorted(entries)))
        names.discard(os.path.basename(directory)); names.add(os.path.basename(moved))
    same(f"a run ({kind}), names", "rounds", " ".join(sorted(os.listdir("rounds"))), " ".join(sorted(names)))
    if memory: memory.close()
    if opened: opened.close()
    if kind == "move": shutil.rmtree(f"rounds/moved{number}")


for number in range(COUNT):
    text = f"text-{number}-{'x' * random.choice([0, 5, 900])}"[:200]
    (edit_then_run if number % 2 else run_then_read)(number, text)
print(f"rounds {COUNT} stale {stale}", flush=True)
sys.exit(stale != 0)
