//! The lines of the table. Each is run by `sh` in a directory of its own, with what `table.rs` fills it with.

/// A line.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// What has to be installed beside Python.
    pub(crate) needs: &'static [&'static str],
    /// Whether it is run over a long way too.
    pub(crate) far: bool,
    pub(crate) script: &'static str,
}

const fn line(name: &'static str, script: &'static str) -> Line {
    Line {
        name,
        needs: &[],
        far: false,
        script,
    }
}

const fn far(name: &'static str, script: &'static str) -> Line {
    Line {
        far: true,
        ..line(name, script)
    }
}

const fn with(needs: &'static [&'static str], line: Line) -> Line {
    Line { needs, ..line }
}

/// `-SE`: starts sooner, and the environment has no say.
pub(crate) const LINES: &[Line] = &[
    far(
        "words with everything in them",
        r#"python3 -c 'import sys; print(ascii(sys.argv[1:]))' a 'b c' "d\"e" "f'g" '' '*' '$HOME' -- -x '
' "$(printf 'tab\there')" 'é'"#,
    ),
    line(
        "words that are no text",
        r#"python3 -c 'import os, sys; print([os.fsencode(word) for word in sys.argv[1:]])' "$(printf 'a\377b')" "$(printf '\303\050')""#,
    ),
    line(
        "a word of 128 KiB",
        r#"python3 -c 'import sys; print(len(sys.argv[1]))' "$(head -c 131000 /dev/zero | tr '\0' x)""#,
    ),
    line(
        "twenty thousand words",
        "python3 -c 'import sys; print(len(sys.argv), sys.argv[-1])' $(seq 20000)",
    ),
    far(
        "paths of the project",
        r#"python3 -c 'import sys; print(sys.argv[1:])' "$PWD" "$PWD/a.txt" --file="$PWD/b b.txt" -I"$PWD/src" -Droot="$PWD" /etc/passwd
        python3 -c 'import sys; print(open(sys.argv[1]).read())' "$PWD/b b.txt""#,
    ),
    line(
        "where it is",
        r#"mkdir -p sub/dir && cd sub/dir && python3 -c 'import os; print(os.getcwd(), os.environ["PWD"], os.listdir("../.."))' | tr -d ' ' | wc -c
        python3 -c 'import os; print(os.getcwd(), os.environ["PWD"])'"#,
    ),
    line(
        "a directory with another alphabet",
        r#"mkdir 'ü é' && cd 'ü é' && python3 -c 'import os; print(os.getcwd())' && echo x > 'ß' && python3 -c 'import os; print(os.listdir("."))'"#,
    ),
    far(
        "a pipe into it",
        "cat numbers | python3 -c 'import sys; print(sum(map(int, sys.stdin)))'",
    ),
    line(
        "pipes both ways",
        "seq 10000 | python3 -c 'import sys; [print(int(line) * 2) for line in sys.stdin]' | tail -n 3 | python3 -c 'import sys; print(sys.stdin.read())'",
    ),
    far(
        "redirections into the project",
        r#"python3 -c 'import sys; print("out"); print("err", file=sys.stderr)' > out.txt 2> err.txt
        cat out.txt err.txt; python3 -c 'print("more")' >> out.txt; cat out.txt; wc -c < out.txt
        python3 -c 'print("both")' > both.txt 2>&1; cat both.txt"#,
    ),
    far(
        "here-documents",
        "python3 <<'END'
print('here')
END
        python3 - one two <<END
import sys
print(sys.argv, '$((6 * 7))')
END",
    ),
    far(
        "errors into the output, in order",
        r#"python3 -c 'import os
for number in range(300): os.write(1 + number % 2, b"%d\n" % number)' 2>&1"#,
    ),
    line(
        "output and errors exchanged",
        r#"python3 -c 'import sys; print("out"); print("err", file=sys.stderr)' 3>&1 1>&2 2>&3"#,
    ),
    line(
        "jobs in the background",
        r#"python3 -c 'import time; time.sleep(0.3); print("one")' > one & python3 -c 'print("two")' > two & wait; cat one two
        python3 -c 'raise SystemExit(7)' & wait $!; echo $?"#,
    ),
    far(
        "timeout 1",
        r#"timeout 1 python3 -SE -c 'import time; time.sleep(60)'; echo $?
        timeout -s INT 1 python3 -SE -c 'import time
try: time.sleep(60)
except KeyboardInterrupt: print("interrupted")'; echo $?
        timeout -s KILL 1 python3 -SE -c 'import time; time.sleep(60)' 2>/dev/null; echo $?"#,
    ),
    line(
        "xargs -P8",
        r#"seq 64 | xargs -P8 -n1 python3 -SE -c 'import sys; print("n" + sys.argv[1])' | sort
        printf '1\n2\n' | xargs -I{} python3 -SE -c 'print("<{}>")'"#,
    ),
    line(
        "time",
        r#"bash -c 'time -p python3 -SE -c "print(1)"' 2>&1 | sed 's/[0-9][0-9]*[.][0-9]*$/N/'"#,
    ),
    line(
        "1 GB out of it",
        "python3 -SE -c 'import os
for _ in range(1024): os.write(1, bytes(1 << 20))' | wc -c",
    ),
    line(
        "1 GB into it",
        "head -c 1G /dev/zero | python3 -SE -c 'import os
total = 0
while piece := os.read(0, 1 << 20): total += len(piece)
print(total)'",
    ),
    line(
        "every byte there and back",
        r#"python3 -SE -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 5000)' | tee all | python3 -SE -c 'import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data); sys.stderr.buffer.write(data)' > back 2> errors
        cmp back all && cmp errors all && sha256sum all"#,
    ),
    line(
        "exit codes 0 to 255",
        r#"for code in $(seq 0 255); do python3 -SE -c "import os; os._exit($code)"; echo $?; done"#,
    ),
    line(
        "every signal",
        r#"ulimit -c 0; for signal in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 29 30 31 34 40 64; do
            python3 -SE -c "import os, signal as s
$signal == 9 or s.signal($signal, s.SIG_DFL)
os.kill(os.getpid(), $signal)"
            echo $signal $?
        done"#,
    ),
    line(
        "signals that are caught",
        r#"python3 -SE -u -c 'import signal, time
def caught(number, frame):
    print("caught", number); raise SystemExit(20 + number)
for number in (1, 10, 12, 15): signal.signal(number, caught)
open("ready", "w").close()
time.sleep(60)' & while [ ! -e ready ]; do sleep 0.05; done; kill -USR1 $!; wait $!; echo $?"#,
    ),
    far(
        "no input",
        r#"python3 -SE -c 'import sys; print(repr(sys.stdin.read()))' < /dev/null
        python3 -SE -c 'import sys; print(sys.stdin is None or sys.stdin.read() == "")' <&-
        : | python3 -SE -c 'import sys; print(repr(sys.stdin.read()))'"#,
    ),
    far(
        "while read",
        r#"while read -r word; do python3 -SE -c 'import sys; print(sys.argv[1])' "$word"; done < numbers"#,
    ),
    line(
        "who reads a part leaves the rest",
        r#"{ python3 -SE -c 'import os; print(os.read(0, 4))'; cat; } < numbers"#,
    ),
    line(
        "umask",
        r#"umask 027; python3 -SE -c 'open("made", "w").close()'; stat -c %a made
        umask 077; python3 -SE -c 'import os; os.mkdir("private")'; stat -c %a private"#,
    ),
    line(
        "a variable of 100 KiB",
        r#"BIG=$(head -c 102400 /dev/zero | tr '\0' x); export BIG; python3 -SE -c 'print("ran")'"#,
    ),
    line(
        "an empty environment",
        r#"env -i PATH="$PATH" python3 -SE -c 'print("ran")'"#,
    ),
    line(
        "substitution, lists and exec",
        r#"text=$(python3 -SE -c 'print("in"); raise SystemExit(4)'); echo "$text $?"
        python3 -SE -c 'raise SystemExit(1)' || echo or; python3 -SE -c '' && echo and; ! python3 -SE -c '' || echo not
        exec python3 -SE -c 'print("exec"); raise SystemExit(11)'"#,
    ),
    line(
        "a talk through pipes",
        r#"bash -c 'coproc python3 -SEu -c "import sys
for line in sys.stdin: print(line.strip().upper())"
        for word in one two three; do echo $word >&${COPROC[1]}; read -r said <&${COPROC[0]}; echo "$said"; done
        eval "exec ${COPROC[1]}>&-"; wait; echo $?'"#,
    ),
    line(
        "whoever reads may go",
        r#"bash -c 'set -o pipefail; python3 -SE -c "import signal
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
while True: print(7)" | head -n 2; echo $?
        python3 -SE -c "while True: print(7)" 2> errors | head -n 2; echo $?; tail -n 1 errors
        python3 -SE -c "import os, sys
try:
    while True: print(7)
except BrokenPipeError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    open(\"caught\", \"w\").write(\"it\"); print(\"goes on\", file=sys.stderr); sys.exit(6)" | head -n 1; echo $?; cat caught'"#,
    ),
    line(
        "a command that starts commands",
        r#"python3 -c 'import subprocess
print(subprocess.run(["python3", "-c", "print(5)"], capture_output=True))'"#,
    ),
    line(
        "what it has made is there at once",
        r#"for number in $(seq 20); do
            python3 -SE -c "import os; os.mkdir('d$number'); open('d$number/f', 'w').write('$number\n'); os.remove('gone') if os.path.exists('gone') else None"
            cat d$number/f; ls d$number; echo $number > gone
            python3 -SE -c 'print(open("gone").read())'
        done"#,
    ),
    with(
        &["make"],
        far(
            "make",
            "make; echo $?; make fail; echo $?; make -s again; make -j4 wide | sort; make -n all; MAKEFLAGS=-k make fail one; echo $?",
        ),
    ),
    with(
        &["node"],
        line(
            "node",
            r#"node -e 'console.log(process.argv.slice(1)); console.error("e"); process.exitCode = 3' a 'b c'; echo $?
            echo 'console.log(1 + 1)' | node -; echo '{"a": [1, 2]}' | node -e 'process.stdin.on("data", data => console.log(JSON.parse(data).a))'"#,
        ),
    ),
    with(
        &["npm"],
        line(
            "npm",
            "npm --no-update-notifier run hello; npm --silent test; echo $?; npm run --silent fail; echo $?",
        ),
    ),
    line(
        "unittest",
        "python3 -m unittest 2>&1 | sed 's/in [0-9.]*s/in Ns/'; python3 -m unittest -q test_adds.Adds.test_adds 2> errors; echo $?; rm errors",
    ),
    with(
        &["pytest"],
        line(
            "pytest",
            "pytest -q -p no:cacheprovider | sed 's/in [0-9.]*s/in Ns/'; pytest -q -p no:cacheprovider -k test_adds > out; echo $?; rm out",
        ),
    ),
    with(
        &["git"],
        line(
            "git hooks",
            r#"export GIT_AUTHOR_NAME=me GIT_AUTHOR_EMAIL=me@here GIT_COMMITTER_NAME=me GIT_COMMITTER_EMAIL=me@here
            git init -q -b main . && printf '#!/bin/sh\npython3 -c "print(\\"before the commit\\", len(open(\\"numbers\\").read()))"\n' > .git/hooks/pre-commit
            printf '#!/usr/bin/env python3\nimport sys\nmessage = open(sys.argv[1]).read()\nprint("message:", message)\nsys.exit(message.startswith("bad"))\n' > .git/hooks/commit-msg
            chmod +x .git/hooks/pre-commit .git/hooks/commit-msg && git add numbers
            git commit -q -m 'bad one'; echo $?; git commit -q -m 'good one'; echo $?; git log --format=%s; git status --short numbers"#,
        ),
    ),
    with(
        &["cargo"],
        line(
            "cargo",
            r#"cargo test --offline 2>&1 | sed 's/[0-9.]*s$/Ns/'; cargo run --offline -q -- a 'b c'; echo $?
            ./target/debug/p from the server; echo $?; sed -i s/9/10/ src/main.rs && cargo run --offline -q; echo $?; rm Cargo.lock"#,
        ),
    ),
    with(
        &["cargo"],
        line(
            "compiler errors",
            r#"echo 'fn main() { missing() }' > wrong.rs; rustc --color never wrong.rs; echo $?; rustc --color never "$PWD/wrong.rs" 2> errors; echo $?; rm errors"#,
        ),
    ),
];
