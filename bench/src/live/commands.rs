//! Commands typed on the server that run on the laptop: what each takes more than the server's own, and how much goes
//! through.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::scene::{PROJECT, Scene};
use super::{keep, millis, print, quantile};

const ROUNDS: usize = 300;
const ROUNDS_OF_SSH: usize = 21;
/// What goes through in one direction, in MiB.
const MUCH: u64 = 512;
const TIMES: usize = 3;
/// Starts a program so many times, one after the other, and says how many microseconds each took.
const STARTS: &str = "import os, sys, time
path, count = sys.argv[1], int(sys.argv[2])
for _ in range(count):
    began = time.perf_counter()
    os.waitpid(os.posix_spawnp(path, [os.path.basename(path)], os.environ), 0)
    print(int((time.perf_counter() - began) * 1e6))
";
/// Goes with each `ssh` that is to use the same connection.
const SHARED: [&str; 6] = [
    "-o",
    "ControlMaster=auto",
    "-o",
    "ControlPath=/tmp/shared-%C",
    "-o",
    "ControlPersist=60",
];

pub(super) fn commands(scene: &Scene) {
    if !std::path::Path::new("/usr/bin/python3").exists() {
        return println!("  commands: left out: needs /usr/bin/python3");
    }
    scene.cs(&["live", "--no-claude", "--proxy", "true,head,wc"]);
    // The first fill what is kept ready.
    starts(scene, "true", 20);
    let proxied = starts(scene, "true", ROUNDS);
    let own = quantile(&starts(scene, "/bin/true", ROUNDS), 0.5);
    let ssh = |options: &[&str]| {
        let times: Vec<Duration> = (0..ROUNDS_OF_SSH)
            .map(|_| timed(ssh(scene, options, "true")))
            .collect();
        quantile(&times, 0.5)
    };
    let fresh = ssh(&[]);
    ssh(&SHARED);
    let shared = ssh(&SHARED);
    let beside = format!(
        "   (the server's own true: {:.2}; ssh true: {:.1}, over a connection that is there: {:.1})",
        millis(own),
        millis(fresh),
        millis(shared),
    );
    let added = quantile(&proxied, 0.5).saturating_sub(own);
    keep(scene, "command", added, fresh);
    keep(scene, "command-connected", added, shared);
    for (part, more) in [(0.5, 5), (0.99, 15)] {
        let label = format!("a command on the laptop, added, p{}", part * 100.0);
        let added = quantile(&proxied, part).saturating_sub(own);
        print(scene, &label, added, scene.bar(1, more), &beside);
    }
    throughput(scene);
    scene.cs(&["stop"]);
}

/// On the server, in the session.
fn starts(scene: &Scene, path: &str, count: usize) -> Vec<Duration> {
    let count = count.to_string();
    let ran = scene.cs(&["run", "/usr/bin/python3", "-c", STARTS, path, &count]);
    let times = ran.stdout.lines().map(|line| line.parse().unwrap());
    times.map(Duration::from_micros).collect()
}

fn ssh(scene: &Scene, options: &[&str], script: &str) -> Command {
    let mut command = scene.laptop.command_as_user("dev", "ssh");
    command.args(["-q", "-T"]).args(options);
    command.args(["dev@server", script]);
    command
}

fn throughput(scene: &Scene) {
    let zeros = format!("head -c {MUCH}M /dev/zero");
    let directions = [
        (
            "out of a command",
            // `head` is the laptop's: it is on the list. Nothing would be sent that goes to /dev/null at once.
            format!("{zeros} | cat > /dev/null"),
            format!("{zeros} | ssh -q -T dev@server 'cat > /dev/null'"),
        ),
        (
            "into a command",
            format!("/usr/bin/{zeros} | wc -c > /dev/null"),
            // The same programs at both ends.
            format!("ssh -q -T dev@server '{zeros}' | wc -c > /dev/null"),
        ),
    ];
    for (direction, ours, beside) in directions {
        let (mut times, mut times_beside) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            times.push(timed(scene.cs_in(PROJECT, &["run", "sh", "-c", &ours])));
            let mut command = scene.laptop.command_as_user("dev", "sh");
            command.args(["-c", &beside]);
            times_beside.push(timed(command));
        }
        let (took, took_beside) = (quantile(&times, 0.5), quantile(&times_beside, 0.5));
        let rate = |took: Duration| MUCH as f64 / took.as_secs_f64();
        let text = format!(
            "   ({:.0} MiB/s; ssh: {:.0} MiB/s)",
            rate(took),
            rate(took_beside)
        );
        let label = format!("{MUCH} MiB {direction}");
        print(scene, &label, took, took_beside, &text);
        keep(scene, direction, took, took_beside);
    }
}

fn timed(mut command: Command) -> Duration {
    command.stdout(Stdio::null());
    let began = Instant::now();
    let status = command.status().unwrap();
    let took = began.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    took
}
