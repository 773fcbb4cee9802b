//! A keeper that is killed as it enters a certain system call.

use super::{PROGRAM, Server};
use crate::LIMIT;
use std::os::unix::process::ExitStatusExt;
use testkit::{Process, wait_until};

/// What a keeper does with everything that is not its own memory: by what it changes files, hands out work and talks to
/// the token server. A question mark: not every machine has it.
pub const KEEPER_CALLS: [&str; 21] = [
    "pwrite64",
    "write",
    "fsync",
    "?fdatasync",
    "ftruncate",
    "?rename",
    "?unlink",
    "?mkdir",
    "fchown",
    "flock",
    "bind",
    "inotify_add_watch",
    "clone3",
    "socketpair",
    "sendmsg",
    "socket",
    "connect",
    "sendto",
    "recvfrom",
    "openat",
    "ppoll",
];

impl Server {
    /// Starts a keeper in the foreground in which the first thread to enter its `number`-th call of `call` is killed there
    /// and then, and the keeper with it. What works in homes is not touched.
    #[must_use]
    pub fn start_doomed_keeper(&self, call: &str, number: usize) -> Process {
        let mut command = self.host.command("strace");
        // Whatever it executes is let go.
        command.args(["-f", "-qq", "-b", "execve", "-o", "/dev/null"]);
        command.args(["-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:signal=KILL:when={number}")]);
        command.args([PROGRAM, "server", "keeper"]);
        command.env("CLAUDE_ACCOUNTS_TOKEN_URL", self.tokens.url());
        Process::spawn_talking(command)
    }

    /// Why [`Server::start_doomed_keeper`] dooms nobody here; `None` if it does.
    #[must_use]
    pub fn why_no_doom(&self) -> Option<String> {
        if !self.host.exists("/usr/bin/strace") {
            return Some("needs strace".to_owned());
        }
        let mut keeper = self.start_doomed_keeper("write", 1);
        let status = keeper.wait(LIMIT);
        (status.signal() != Some(9)).then(|| format!("strace kills nothing here: {status}"))
    }

    /// Waits for the end of a doomed keeper, or kills it once it is `done`. Whether it got through.
    #[track_caller]
    pub fn got_through(&self, mut keeper: Process, done: impl Fn() -> bool) -> bool {
        let mut got_through = false;
        wait_until("the keeper's end, or that of its work", LIMIT, || {
            got_through = keeper.child().try_wait().unwrap().is_none() && done();
            got_through || keeper.child().try_wait().unwrap().is_some()
        });
        if got_through {
            // By its own word: the program that was started is the one that watches it.
            let said = keeper.lines();
            let pid = said.iter().find_map(|line| {
                let mut words = line.split(' ').skip_while(|word| *word != "keeper");
                words.nth(1)?.parse::<u32>().ok()
            });
            let pid = pid.expect("a keeper that has begun").to_string();
            // It may still come to the call.
            drop(self.host.run(&["kill", "-KILL", &pid]));
        }
        let status = keeper.wait(LIMIT);
        assert_eq!(status.signal(), Some(9), "{:#?}", keeper.lines());
        got_through
    }
}
