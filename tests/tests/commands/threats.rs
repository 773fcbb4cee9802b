//! What whoever has the server may try: each is refused, bounded, or stays on the server, and the session goes on.

use std::process::Stdio;

use end_to_end::LIMIT;
use end_to_end::machines::{Machines, PROJECT};
use testkit::{Process, wait_until};

use crate::scene::{
    WHERE, agreed_or_skip, assert_goes_on, begin, driver, processes_with, session_or_skip, typed,
    wait_until_gone, wait_until_there,
};

/// Says which machine runs it.
const SCRIPT: &str = "#!/bin/sh\nuname -n\n";
/// More than may run at once, as fast as one program can start them.
const FLOOD: &str = r#"
import subprocess, sys
count, width = int(sys.argv[1]), int(sys.argv[2])
running, statuses = [], {}
def reap(each):
    status = each.wait()
    statuses[status] = statuses.get(status, 0) + 1
for number in range(count):
    running.append(subprocess.Popen(["true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    if len(running) >= width: reap(running.pop(0))
for each in running: reap(each)
print(sorted(statuses), sum(statuses.values()))
"#;

#[track_caller]
fn where_it_runs(machines: &Machines, line: &str) -> String {
    typed(machines, line).success().stdout.trim().to_owned()
}

#[test]
fn only_names_of_the_list_run_on_the_laptop() {
    let Some(machines) = session_or_skip(&[]) else {
        return;
    };
    let asks = "-c 'import os; print(os.uname().nodename)'";
    assert_eq!(
        where_it_runs(&machines, &format!("python3 {asks}")),
        "laptop"
    );
    for name in [
        "/usr/bin/python3",
        "../../../../../../usr/bin/python3",
        "./bin/../tool",
    ] {
        drop(
            machines
                .on_laptop("mkdir -p project/bin && ln -sf /usr/bin/python3 project/tool")
                .success(),
        );
        wait_until("the link on the server", LIMIT, || {
            typed(&machines, "[ -e tool ]").status.success()
        });
        assert_eq!(
            where_it_runs(&machines, &format!("{name} {asks}")),
            "server",
            "{name}"
        );
    }
    for line in ["uname -n", "sh -c 'uname -n'", "env uname -n"] {
        assert_eq!(where_it_runs(&machines, line), "server", "{line}");
    }
    // Other names for the shim are no other commands of the laptop.
    let find = "dirname \"$(command -v python3)\"";
    let bin = where_it_runs(&machines, find);
    for name in ["sh", "uname", "bash", "..", "claude", "cs"] {
        let line = format!(
            "ln -sf \"$(readlink -f {bin}/python3)\" /tmp/{name} 2>/dev/null && /tmp/{name} -n"
        );
        let ran = typed(&machines, &line);
        assert!(!ran.stdout.contains("laptop"), "{name}: {ran:?}");
    }
    let line = "(exec -a /usr/bin/sh python3 -c 'print(1)'); (exec -a ../sh python3 -c 'print(1)'); (exec -a '' python3 -c 'print(1)'); uname -n";
    let ran = machines.cs(&["run", "bash", "-c", line]);
    assert!(ran.stdout.ends_with("server\n"), "{ran:?}");
    assert_goes_on(&machines);
}

/// What the project puts before the laptop's own programs is not what runs.
#[test]
fn the_project_names_no_programs() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    for place in ["node_modules/.bin", "bin", "."] {
        let directory = format!("{PROJECT}/{place}");
        drop(
            machines
                .on_laptop(&format!("mkdir -p {directory}"))
                .success(),
        );
        for name in ["npm", "python3", "make"] {
            machines
                .laptop
                .write(&format!("{directory}/{name}"), SCRIPT, 0o755);
        }
    }
    // As a careless user has it.
    let path = format!("PATH={PROJECT}/node_modules/.bin:node_modules/.bin:.::{PROJECT}:$PATH");
    let line = format!("cd {PROJECT} && {path} /usr/local/bin/cs live --no-claude");
    drop(machines.on_laptop(&line).success());
    assert_eq!(where_it_runs(&machines, WHERE), "laptop");
    assert_eq!(where_it_runs(&machines, "python3 -c 'print(6 * 7)'"), "42");
    // The server's PATH is the server's: there the project's are.
    let line = "PATH=\"$PWD/node_modules/.bin:$PATH\" npm";
    assert_eq!(where_it_runs(&machines, line), "server");
    // A name on the list that only the project has is the server's own matter, too.
    drop(
        machines
            .on_laptop("cp project/npm project/node_modules/.bin/pnpm")
            .success(),
    );
    let ran = typed(&machines, "pnpm").code(127);
    assert!(!ran.stdout.contains("laptop"), "{ran:?}");
    assert_goes_on(&machines);
}

#[test]
fn the_environment_is_the_laptops() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    let line = format!(
        "cd {PROJECT} && SSH_AUTH_SOCK=/run/agent GITHUB_TOKEN=secret MY_SETTING=kept ANTHROPIC_API_KEY=secret cs live --no-claude"
    );
    drop(machines.on_laptop(&line).success());
    machines
        .laptop
        .write("/home/dev/project/library.c", "nothing", 0o644);
    let smuggled = [
        "LD_PRELOAD=$PWD/library.so",
        "LD_LIBRARY_PATH=$PWD",
        "NODE_OPTIONS=--require=$PWD/x.js",
        "RUSTC_WRAPPER=$PWD/wrapper",
        "GIT_SSH_COMMAND=evil",
        "GIT_CONFIG_COUNT=1",
        "PYTHONPATH=$PWD",
        "PYTHONSTARTUP=$PWD/x.py",
        "BASH_ENV=$PWD/x",
        "MAKEFLAGS=--eval=x",
        "HOME=/tmp/elsewhere",
        "BIG=$(head -c 102400 /dev/zero | tr '\\0' x)",
        "FROM_THE_SERVER=x",
    ];
    let show = "python3 -SE -c 'import os; print(dict(os.environ))'";
    // Set for the shim alone, and not for what loads it.
    let line = format!(
        "env {} {show} 2>/dev/null",
        smuggled.map(|word| format!("\"{word}\"")).join(" ")
    );
    let shown = typed(&machines, &line).success().stdout;
    for word in smuggled {
        let (name, value) = word.split_once('=').unwrap();
        if name == "HOME" {
            assert!(shown.contains("'HOME': '/home/dev'"), "{shown}");
        } else {
            assert!(
                !shown.contains(&format!("'{name}'")),
                "{name}={value}: {shown}"
            );
        }
    }
    for secret in [
        "SSH_AUTH_SOCK",
        "GITHUB_TOKEN",
        "ANTHROPIC_API_KEY",
        "secret",
    ] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert!(shown.contains("'MY_SETTING': 'kept'"), "{shown}");
    // How to print is said by who types.
    let line = format!("NO_COLOR=1 CI=yes TERM=vt100 RUST_BACKTRACE=full {show}");
    let shown = typed(&machines, &line).success().stdout;
    for word in [
        "'NO_COLOR': '1'",
        "'CI': 'yes'",
        "'TERM': 'vt100'",
        "'RUST_BACKTRACE': 'full'",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    assert_goes_on(&machines);
}

#[test]
fn outside_of_the_mount_the_server_runs_its_own() {
    let Some(machines) = session_or_skip(&[]) else {
        return;
    };
    for place in ["/tmp", "/", "$HOME", "/proc/self", "$PWD/.."] {
        let line = format!("cd {place} && {WHERE}");
        assert_eq!(where_it_runs(&machines, &line), "server", "{place}");
    }
    // A link out of the project does not lead out of it on the laptop.
    drop(
        machines
            .on_laptop("mkdir -p project/real && ln -s / project/out && ln -s real project/in")
            .success(),
    );
    wait_until("the links on the server", LIMIT, || {
        typed(&machines, "[ -L in ]").status.success()
    });
    assert_eq!(
        where_it_runs(&machines, &format!("cd out/tmp && {WHERE}")),
        "server"
    );
    assert_eq!(
        where_it_runs(&machines, &format!("cd in && {WHERE}")),
        "laptop"
    );
    // A directory that is gone.
    let ran = typed(
        &machines,
        &format!("mkdir gone && cd gone && rmdir ../gone && {WHERE}"),
    );
    assert!(!ran.stdout.contains("laptop"), "{ran:?}");
    // An interpreter that the server's own program names runs it here.
    machines.server.write(
        "/usr/local/bin/own-tool",
        "#!/usr/bin/env python3\nimport os; print(os.uname().nodename)\n",
        0o755,
    );
    assert_eq!(where_it_runs(&machines, "own-tool"), "server");
    assert_goes_on(&machines);
}

#[test]
fn thousands_of_starts_are_bounded() {
    let Some(machines) = session_or_skip(&["--proxy", "true"]) else {
        return;
    };
    let mut most = 0;
    let mut process = driver(&machines, FLOOD, &["3000", "400"]);
    wait_until("the end of the flood", LIMIT * 3, || {
        most = most.max(machines.laptop.processes().len());
        process.child().try_wait().unwrap().is_some()
    });
    assert!(process.wait(LIMIT).success());
    // All ran, or were told that there are too many.
    let told = process.wait_for_line(0, LIMIT);
    assert!(told.ends_with("] 3000"), "{told}");
    eprintln!("{told}; the laptop had {most} processes at most");
    assert!(most < 1200, "{most}");
    assert_goes_on(&machines);
}

#[test]
fn output_and_input_without_end_are_bounded() {
    let Some(machines) = session_or_skip(&["--proxy", "yes"]) else {
        return;
    };
    let daemon = u32::try_from(machines.session()["daemon"].as_u64().unwrap()).unwrap();
    // Nobody reads.
    let mut waits = Process::spawn(quiet(
        &machines,
        "yes | { echo reading > begun; sleep 1000; }",
    ));
    let mut says = Process::spawn(quiet(
        &machines,
        "timeout 20 yes > /dev/null; echo done > ended",
    ));
    let mut most = 0;
    wait_until("an end", LIMIT, || {
        most = most.max(resident(&machines, daemon));
        machines.on_laptop("[ -e project/ended ]").status.success()
    });
    eprintln!("the daemon held {most} KiB at most");
    assert!(most < 150 << 10, "{most} KiB");
    assert_goes_on(&machines);
    says.wait(LIMIT);
    drop(machines.cs(&["stop"]).success());
    waits.wait(LIMIT);
    wait_until_gone(&machines.laptop, "yes");
}

fn quiet(machines: &Machines, line: &str) -> std::process::Command {
    let mut command = machines.cs_command(&["run", "sh", "-c", line]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// In KiB.
fn resident(machines: &Machines, process: u32) -> u64 {
    let path = machines.laptop.path(&format!("/proc/{process}/status"));
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Its input is closed while it runs, and nobody hears it any more.
#[test]
fn closed_ends_end_what_nobody_waits_for() {
    let Some(machines) = session_or_skip(&[]) else {
        return;
    };
    let line = "python3 -SE -c 'import sys, time; sys.stdin.read(); print(6 * 7)' <&-; python3 -SE -c 'print(1)' >&- 2>&-; echo $?";
    assert_eq!(typed(&machines, line).success().stdout, "42\n0\n");
    let line = "python3 -SE -c 'import time; print(\"x\", flush=True); time.sleep(1235)' & sleep 1; kill -KILL $!";
    drop(typed(&machines, line));
    wait_until_gone(&machines.laptop, "time.sleep(1235)");
    assert_goes_on(&machines);
}

#[test]
fn without_agreement_nothing_runs_on_the_laptop() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    let edit = "sed -i 's/,\"commands_agreed_at\":1//g' .claude-share/client.json";
    drop(machines.on_laptop(edit).success());
    begin(&machines, &[]);
    assert_eq!(where_it_runs(&machines, WHERE), "server");
}

#[test]
fn no_proxy_means_none() {
    let Some(machines) = session_or_skip(&["--no-proxy"]) else {
        return;
    };
    assert_eq!(where_it_runs(&machines, WHERE), "server");
}

#[test]
fn the_laptop_alone_makes_the_list() {
    let Some(machines) = session_or_skip(&[]) else {
        return;
    };
    let listed = machines.cs(&["proxy"]).success().stdout;
    assert!(
        listed.contains("python3") && listed.contains("cargo"),
        "{listed}"
    );
    assert_eq!(where_it_runs(&machines, "uname -n"), "server");
    // At once, in the session that runs.
    drop(machines.cs(&["proxy", "add", "uname"]).success());
    wait_until("a command that was added", LIMIT, || {
        where_it_runs(&machines, "uname -n") == "laptop"
    });
    drop(machines.cs(&["proxy", "remove", "python3"]).success());
    assert_eq!(where_it_runs(&machines, WHERE), "server");
    for name in ["./uname", "/bin/uname", "", "claude", "cs"] {
        let ran = machines.cs(&["proxy", "add", name]);
        assert!(!ran.status.success(), "{name}: {ran:?}");
    }
    // What runs is what the session finds, whatever the `PATH` of who asks.
    let shows = "mkdir other && ln -s /bin/sh other/uname && cd project && PATH=\"$HOME/other:$PATH\" cs proxy";
    let listed = machines.on_laptop(shows).success();
    assert_eq!(listed.stderr, "");
    let is_uname = |line: &&str| line.starts_with("uname ");
    let uname = listed.stdout.lines().find(is_uname).unwrap();
    assert!(uname.ends_with("/bin/uname"), "{uname}");
    // What the project says of it, or the server, is nothing to the laptop.
    let script = "mkdir -p project/.claude-share && sed s/uname/hostname/ .claude-share/commands.json > project/.claude-share/commands.json && grep -q hostname project/.claude-share/commands.json";
    drop(machines.on_laptop(script).success());
    drop(machines.on_server("mkdir -p .claude-share && echo '{\"format\":1,\"added\":[\"hostname\"]}' > .claude-share/commands.json").success());
    drop(machines.cs(&["stop"]).success());
    begin(&machines, &[]);
    assert_eq!(where_it_runs(&machines, "hostname"), "server");
    assert_eq!(where_it_runs(&machines, "uname -n"), "laptop");
    assert_eq!(where_it_runs(&machines, WHERE), "server");
    drop(machines.cs(&["stop"]).success());
}

#[test]
fn a_command_that_nobody_allows_is_refused() {
    let Some(machines) = session_or_skip(&["--ask"]) else {
        return;
    };
    let mut terminal = machines.cs_terminal(&["proxy", "answer"]);
    terminal.wait_for("waiting for questions", LIMIT);
    for (number, answer) in ["n", "y", "a"].into_iter().enumerate() {
        let line = format!("exec python3 -SE -c 'print(6 * {number})'");
        let asked = Process::spawn_talking(machines.cs_command(&["run", "sh", "-c", &line]));
        terminal.wait_for(&format!("print(6 * {number})"), LIMIT);
        let (mut asked, mut typed) = (asked, 0);
        // What is typed as soon as it is shown counts for nothing.
        wait_until("an end", LIMIT, || {
            typed += 1;
            if typed % 100 == 0 {
                terminal.type_text(&format!("{answer}\r"));
            }
            asked.child().try_wait().unwrap().is_some()
        });
        let status = asked.wait(LIMIT);
        assert_eq!(status.success(), answer != "n", "{answer}: {status}");
    }
    // Always: it is not asked again.
    drop(typed(&machines, "exec python3 -SE -c 'print(6 * 2)'").success());
    terminal.type_text("q\r");
    assert!(terminal.wait(LIMIT).success());
    assert_eq!(where_it_runs(&machines, "uname -n"), "server");
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

#[test]
fn in_the_sandbox_secrets_cannot_be_read() {
    let Some(machines) = agreed_or_skip() else {
        return;
    };
    drop(machines.on_laptop("mkdir -p .aws .gnupg .claude && echo secret > .aws/credentials && echo secret > .gnupg/key && echo secret > .claude/token && echo open > project/open").success());
    let reads = |path: &str| format!("python3 -SE -c 'print(open(\"{path}\").read()[:3])'");
    begin(&machines, &[]);
    drop(typed(&machines, &reads("/home/dev/.ssh/id_ed25519")).success());
    drop(machines.cs(&["stop"]).success());
    let started = machines.cs(&["live", "--no-claude", "--sandbox"]);
    if !started.status.success() && started.stderr.contains("landlock") {
        return testkit::skip("needs landlock");
    }
    drop(started.success());
    for path in [
        ".ssh/id_ed25519",
        ".aws/credentials",
        ".gnupg/key",
        ".claude/token",
        ".claude-share/client.json",
    ] {
        let ran = typed(&machines, &reads(&format!("/home/dev/{path}"))).code(1);
        assert!(ran.stderr.contains("PermissionError"), "{path}: {ran:?}");
    }
    assert_eq!(typed(&machines, &reads("open")).success().stdout, "ope\n");
    let write = |path: &str| format!("python3 -SE -c 'open(\"{path}\", \"w\").write(\"x\")'");
    drop(typed(&machines, &write("made")).success());
    let ran = typed(&machines, &write("/home/dev/.bashrc")).code(1);
    assert!(ran.stderr.contains("PermissionError"), "{ran:?}");
    assert_goes_on(&machines);
}

/// Of what ran, the user is told: which, where, how long, and how it ended.
#[test]
fn every_command_is_in_the_log() {
    let Some(machines) = session_or_skip(&[]) else {
        return;
    };
    drop(
        typed(
            &machines,
            "mkdir -p deep && cd deep && python3 -SE -c 'print(1); raise SystemExit(41)' 'a\nb'",
        )
        .code(41),
    );
    let log = machines.cs(&["log"]).success().stdout;
    assert!(
        log.contains("python3") && log.contains("deep") && log.contains("41"),
        "{log}"
    );
    assert!(!log.contains("a\nb'"), "{log}");
    let mut first = Process::spawn(quiet(
        &machines,
        "exec python3 -SE -c 'import time; time.sleep(1236)'",
    ));
    wait_until_there(&machines.laptop, "time.sleep(1236)");
    let status = machines.cs(&["status"]).success().stdout;
    assert!(status.contains("command"), "{status}");
    // On the laptop, `cs run` has these words, too, and has them sooner.
    wait_until("it in the log, as running", LIMIT, || {
        let log = machines.cs(&["log", "--last", "1"]).success();
        assert_eq!(log.stderr, "");
        log.stdout.contains(" running ") && log.stdout.contains("time.sleep(1236)")
    });
    drop(machines.cs(&["stop"]).success());
    first.wait(LIMIT);
    assert_eq!(processes_with(&machines.laptop, "time.sleep(1236)"), [0; 0]);
}
