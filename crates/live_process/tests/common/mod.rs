//! A laptop and a server, each a machine of its own, with a cable between them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses its part, and panics if it cannot go on"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use testkit::{Host, Process, Ran, host_or_skip, skip, wait_until};

/// Bounds the wait for a condition; no test is measured by it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// The user on the server.
pub(crate) const USER: &str = "dev";
/// Both ends, on both machines.
const PROGRAM: &str = "/opt/ends";
/// Nobody is there to accept a server's key.
const SSH_CONFIGURATION: &str =
    "Host *\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n";

pub(crate) struct Pair {
    pub(crate) laptop: Host,
    pub(crate) server: Host,
    destination: String,
    key: String,
}

/// Both machines, or `None` with the reason why there cannot be any.
pub(crate) fn pair_or_skip() -> Option<Pair> {
    for needed in ["/dev/fuse", "/usr/bin/fusermount3", "/usr/sbin/sshd"] {
        if !Path::new(needed).exists() {
            skip(format!("needs {needed}"));
            return None;
        }
    }
    drop(host_or_skip()?);
    let (laptop, server) = (Host::named("laptop"), Host::named("server"));
    let (_, address) = Host::join(&laptop, &server);
    server.start_sshd();
    server.add_user(USER);
    let key = laptop.make_key_for(&server, USER);
    laptop.write("/root/.ssh/config", SSH_CONFIGURATION, 0o600);
    for host in [&laptop, &server] {
        host.install_file(&ends(), PROGRAM);
    }
    Some(Pair {
        destination: format!("{USER}@{address}"),
        laptop,
        server,
        key,
    })
}

/// The program of `examples/ends.rs`.
fn ends() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/ends")
}

impl Pair {
    /// Runs a verb on the laptop.
    pub(crate) fn here(&self, words: &[&str]) -> Ran {
        self.laptop.run(&[&[PROGRAM], words].concat())
    }

    /// Runs one on the server, as the user there.
    pub(crate) fn there(&self, words: &[&str]) -> Ran {
        self.server
            .run_quickly_as(USER, &[&[PROGRAM], words].concat())
    }

    /// Starts a session for directories of the laptop and gives its name.
    pub(crate) fn start(&self, directories: &[&str]) -> String {
        let words = [&["start", &self.destination, &self.key], directories].concat();
        self.here(&words).success().stdout.trim().to_owned()
    }

    pub(crate) fn status(&self, session: &str) -> Value {
        self.here(&["status", session]).success().json()
    }

    /// Waits until the main directory is on the server; where.
    pub(crate) fn mounted(&self, session: &str) -> String {
        let mut place = None;
        wait_until("the mount", LIMIT, || {
            let status = self.status(session);
            let failure = &status["directories"][0]["failure"];
            assert!(failure.is_null(), "{failure}");
            let error = &status["link"]["Down"]["error"];
            assert!(error.is_null(), "{error}");
            let bytes = status["directories"][0]["remote"].as_array().cloned();
            place = bytes.map(|bytes| text(&bytes));
            place.is_some()
        });
        place.unwrap()
    }

    /// What the user on the server reads in a file; `None` if he cannot.
    pub(crate) fn read_there(&self, path: &str) -> Option<String> {
        let ran = self.server.run_quickly_as(USER, &["cat", path]);
        ran.status.success().then_some(ran.stdout)
    }

    pub(crate) fn is_mounted(&self, place: &str) -> bool {
        self.server.mounts().iter().any(|mount| mount == place)
    }

    /// The numbers inside of the processes of `host` whose words have all of `words` in them.
    pub(crate) fn processes(host: &Host, words: &[&str]) -> Vec<u32> {
        let has_words = |number: &u32| {
            let line = std::fs::read(host.path(&format!("/proc/{number}/cmdline")));
            let line = line.unwrap_or_default();
            let told: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
            words.iter().all(|word| told.contains(&word.as_bytes()))
        };
        host.processes().into_iter().filter(has_words).collect()
    }

    pub(crate) fn agents(&self) -> Vec<u32> {
        Self::processes(&self.server, &["agent", "serve"])
    }

    pub(crate) fn daemons(&self) -> Vec<u32> {
        Self::processes(&self.laptop, &[PROGRAM, "daemon"])
    }

    /// Kills with no chance to clean up.
    pub(crate) fn kill(host: &Host, number: u32) {
        host.run(&["kill", "-KILL", &number.to_string()]).success();
        wait_until("its end", LIMIT, || !host.processes().contains(&number));
    }

    /// Starts a program of the session that goes on; its first words are waited for.
    pub(crate) fn start_main(&self, session: &str, script: &str) {
        let words = ["main", session, "sh", "-c", script];
        self.here(&words).success();
    }

    /// The same; it has begun when it has made the file `begun` in the project.
    pub(crate) fn begin_main(&self, session: &str, script: &str, begun: &str) {
        let script = format!("echo; {script}");
        self.start_main(session, &script);
        let begun = format!("/root/project/{begun}");
        wait_until("the program", LIMIT, || self.laptop.exists(&begun));
    }

    /// Nothing of any session is left, neither here nor there, but directories that all sessions have in common.
    pub(crate) fn assert_clean(&self) {
        wait_until("the end of all processes", LIMIT, || {
            let words = [PROGRAM];
            self.daemons().is_empty()
                && Self::processes(&self.server, &words).is_empty()
                && Self::processes(&self.laptop, &["ssh"]).is_empty()
        });
        self.assert_no_files();
        let fuse = |mount: &String| mount.contains(".claude-share");
        assert!(!self.server.mounts().iter().any(fuse));
    }

    fn assert_no_files(&self) {
        let script = "cd \"$1\" 2>/dev/null && find . ! -type d -o -path './extras/*' -o -path './mounts/*' -o -path './sessions/*'";
        for (host, places) in [
            (&self.laptop, ["/root/.claude-share", "/tmp/claude-share-0"]),
            (
                &self.server,
                ["/home/dev/.claude-share", "/tmp/claude-share-1000"],
            ),
        ] {
            for place in places {
                let found = host.run(&["sh", "-c", script, "sh", place]).stdout;
                assert_eq!(found, "", "{place} of {}", host.name());
            }
        }
    }

    /// A command that goes on, on the laptop.
    pub(crate) fn going_on(&self, words: &[&str]) -> Process {
        let mut command = self.laptop.command(PROGRAM);
        command.args(words);
        Process::spawn_talking(command)
    }
}

fn text(bytes: &[Value]) -> String {
    let bytes = bytes.iter().map(|byte| byte.as_u64().unwrap() as u8);
    String::from_utf8(bytes.collect()).unwrap()
}
