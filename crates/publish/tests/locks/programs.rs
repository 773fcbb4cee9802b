//! Locks of other programs on the laptop.

use live::files::{LockKind, Reply, Request};
use rustix::io::Errno;

use crate::common::*;
use crate::lock;

#[test]
fn locks_of_other_programs_are_heeded_and_seen_by_them() {
    let home = Home::new(BOTH[0]);
    let path = home.file("file", b"");
    let handle = home.open("file", READ_WRITE);
    let mut program = Locker::start(&path);
    let again = Err(errno(Errno::AGAIN));
    program.say("lock 0 10");
    assert_eq!(
        home.ask(Request::SetLock(handle, lock(1, LockKind::Read, 5, 5))),
        again
    );
    let Ok(Reply::Lock(found)) =
        home.ask(Request::TestLock(handle, lock(1, LockKind::Read, 5, 50)))
    else {
        panic!("no answer");
    };
    assert_eq!(found, lock(0, LockKind::Write, 0, 9));
    program.say("unlock 0 10");
    home.done(Request::SetLock(handle, lock(1, LockKind::Write, 5, 5)));
    assert_eq!(program.say("lock 0 10"), "busy");
    assert_eq!(program.say("lock 6 10"), "done");
    home.close(handle);
    assert_eq!(program.say("lock 0 10"), "done");
}

/// Another program that locks parts of a file.
struct Locker {
    child: std::process::Child,
    answers: std::io::BufReader<std::process::ChildStdout>,
}

impl Locker {
    fn start(path: &std::path::Path) -> Self {
        const PROGRAM: &str = r"
import fcntl, sys
with open(sys.argv[1], 'r+b') as file:
    for line in sys.stdin:
        what, start, length = line.split()
        how = fcntl.LOCK_UN if what == 'unlock' else fcntl.LOCK_EX | fcntl.LOCK_NB
        try:
            fcntl.lockf(file, how, int(length), int(start))
            print('done', flush=True)
        except BlockingIOError:
            print('busy', flush=True)
";
        let mut command = std::process::Command::new("python3");
        command
            .args(["-c", PROGRAM])
            .arg(path)
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let answers = std::io::BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    fn say(&mut self, what: &str) -> String {
        use std::io::{BufRead as _, Write as _};
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{what}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
