//! Many commands: two hundred at once, and thousands in a row, after which nothing of them is left on either machine.
//! `CLAUDE_ACCOUNTS_TEST_ROUNDS=100000` has more of them in a row than the usual two thousand.

use std::fs;
use std::time::{Duration, Instant};

use end_to_end::LIMIT;
use end_to_end::machines::Machines;
use testkit::{Host, wait_until};

use crate::scene::{
    agreed_far_apart_or_skip, assert_goes_on, begin, driver, rounds, session_or_skip,
};

/// Each says that it is there, and waits for a line that is not sent before all are.
const AT_ONCE: &str = r#"
import subprocess, sys
count = int(sys.argv[1])
program = "import os, sys; print('ready', os.uname().nodename, flush=True); text = input(); print(text); print(text, file=sys.stderr); sys.exit(int(text) % 256)"
pipe = subprocess.PIPE
all = [subprocess.Popen(["python3", "-SE", "-c", program], stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(count)]
for each in all:
    said = each.stdout.readline()
    if said != "ready laptop\n": sys.exit(f"said {said!r}: {each.communicate()}")
print("all", count, flush=True)
for number, each in enumerate(all):
    output, errors = each.communicate(f"{number}\n")
    if (output, errors, each.returncode) != (f"{number}\n", f"{number}\n", number % 256):
        sys.exit(f"{number}: {output!r} {errors!r} {each.returncode}")
print("ended")
"#;
/// Each says a number. Some are killed, and some have input that nobody reads.
const IN_A_ROW: &str = r#"
import subprocess, sys
for number in range(int(sys.argv[1])):
    word = str(number)
    done = subprocess.run(["echo", word], capture_output=True, text=True, input="x" if number % 3 else None)
    if (done.returncode, done.stdout, done.stderr) != (0, word + "\n", ""): sys.exit(f"{number}: {done}")
    if number % 20 == 0:
        done = subprocess.run(["sleep", "0"])
        waiting = subprocess.Popen(["sleep", "1000"])
        waiting.kill() if number % 40 else waiting.terminate()
        if done.returncode != 0 or waiting.wait() not in (-9, -15): sys.exit(f"{number}: {done} {waiting.returncode}")
    if number % 1000 == 999: print(number, flush=True)
print("ended")
"#;
const ONES_AT_ONCE: usize = 200;
/// Until caches and pools are filled.
const FIRST: usize = 200;
/// How much more memory a process may hold after thousands of commands, in KiB.
const MORE_MEMORY: u64 = 12 << 10;
/// How long one may take on a busy machine.
const EACH: Duration = Duration::from_millis(60);

#[test]
fn two_hundred_run_at_once() {
    run_at_once(Duration::ZERO);
}

#[test]
fn two_hundred_run_at_once_over_20_ms() {
    run_at_once(Duration::from_millis(20));
}

#[test]
fn two_hundred_run_at_once_over_80_ms() {
    run_at_once(Duration::from_millis(80));
}

fn run_at_once(round_trip: Duration) {
    let Some(machines) = agreed_far_apart_or_skip(round_trip) else {
        return;
    };
    begin(&machines, &[]);
    let mut process = driver(&machines, AT_ONCE, &[&ONES_AT_ONCE.to_string()]);
    assert_eq!(
        process.wait_for_line(0, LIMIT),
        format!("all {ONES_AT_ONCE}")
    );
    assert_eq!(process.wait_for_line(1, LIMIT), "ended");
    assert!(process.wait(LIMIT).success());
    assert_goes_on(&machines);
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

#[test]
fn nothing_is_left_of_thousands_in_a_row() {
    let Some(machines) = session_or_skip(&["--proxy", "echo,sleep"]) else {
        return;
    };
    in_a_row(&machines, FIRST);
    let before = Held::by(&machines);
    let count = rounds(2000);
    let began = Instant::now();
    in_a_row(&machines, count);
    eprintln!("{count} commands in a row within {:?}", began.elapsed());
    let mut now = Held::by(&machines);
    wait_until("nothing but what was held before", LIMIT, || {
        now = Held::by(&machines);
        let (now, before) = (now.counted(), before.counted());
        now.iter().zip(before).all(|(now, before)| *now <= before)
    });
    eprintln!("held before: {before:?}, then: {now:?}");
    for (memory, before) in now.memory.iter().zip(before.memory) {
        assert!(*memory <= before + MORE_MEMORY, "{now:?}");
    }
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

#[track_caller]
fn in_a_row(machines: &Machines, count: usize) {
    let mut process = driver(machines, IN_A_ROW, &[&count.to_string()]);
    let status = process.wait(LIMIT + EACH * u32::try_from(count).unwrap());
    assert!(status.success(), "{:?}", process.lines());
}

/// What a session holds, on the laptop and on the server.
#[derive(Debug)]
struct Held {
    processes: [usize; 2],
    /// Of daemon and agent.
    descriptors: [usize; 2],
    /// The same in KiB.
    memory: [u64; 2],
}

impl Held {
    fn by(machines: &Machines) -> Held {
        let daemon = machines.session()["daemon"].as_u64().unwrap();
        let ours = [
            (&machines.laptop, u32::try_from(daemon).unwrap()),
            (&machines.server, machines.agent()),
        ];
        Held {
            processes: ours.map(|(host, _)| host.processes().len()),
            descriptors: ours.map(|(host, process)| {
                let path = host.path(&format!("/proc/{process}/fd"));
                fs::read_dir(path).unwrap().count()
            }),
            memory: ours.map(|(host, process)| memory(host, process)),
        }
    }

    /// The more, the worse; nothing of it is a matter of taste.
    fn counted(&self) -> [usize; 4] {
        let [daemon, agent] = self.descriptors;
        let [laptop, server] = self.processes;
        [daemon, agent, laptop, server]
    }
}

/// Of one process, in KiB: what is in memory now.
fn memory(host: &Host, process: u32) -> u64 {
    let path = host.path(&format!("/proc/{process}/status"));
    let status = fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.and_then(|line| line.split_whitespace().next());
    words.unwrap().parse().unwrap()
}
