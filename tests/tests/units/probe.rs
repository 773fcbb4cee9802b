//! A program that tells what it may do where a unit starts it.

/// One word a line for what works, of what a developer does in a terminal and of what nobody should.
pub(crate) const PROBE: &str = r#"#!/bin/sh
may() { name=$1; shift; if "$@" > /dev/null 2>&1; then echo "$name"; fi; }
may home sh -c 'echo x > ~/probe-file && rm ~/probe-file'
may temporary sh -c 'echo x > /tmp/probe-file && rm /tmp/probe-file'
may elsewhere sh -c 'echo x > /srv/shared/probe-file && rm /srv/shared/probe-file'
may runtime test -S "$XDG_RUNTIME_DIR/bus"
may terminal script -qec true /dev/null
may namespaces unshare --user --map-root-user --net --pid --fork true
may just-in-time node -e 'const f = new Function("n", "let s = 0; for (let i = 0; i < n; i++) s += i; return s"); f(1e6)'
may interfaces node -e 'require("os").networkInterfaces()'
may debugger python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).ptrace(0, 0, 0, 0) != 0)'
may gain-privileges grep -q 'NoNewPrivs:.0' /proc/self/status
may have-capabilities grep -Eq 'CapBnd:.*[1-9a-f]' /proc/self/status
may other-homes test -e /home/bert
may write-etc sh -c 'echo x > /etc/probe-file'
may set-group-bit sh -c 'mkdir -m 2755 ~/probe-directory'
may be-nice sh -c 'test "$(nice -n 5 nice)" = 5'
may outer-temporary test -e /tmp/outer
may devices test -e /dev/fuse
exit 0
"#;

/// What it prints in the dashboard's terminals.
pub(crate) const IN_TERMINALS: [&str; 9] = [
    "home",
    "temporary",
    "elsewhere",
    "runtime",
    "terminal",
    "namespaces",
    "just-in-time",
    "interfaces",
    "debugger",
];

/// What it prints where the keeper runs.
pub(crate) const IN_KEEPER: [&str; 4] = ["home", "temporary", "runtime", "terminal"];
