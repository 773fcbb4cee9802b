//! A process that maps a file of the mount. It cannot be the one that answers for the mount: while the kernel waits for an
//! answer for a map, nothing else in the process may change its memory.

use std::env;
use std::fs::File;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::process::{ChildStdin, Command};

use testkit::Process;

use super::LIMIT;
use super::system::Mapped;

const FILE: &str = "MOUNT_TEST_MAPS";
const LENGTH: usize = 10_000;

/// Ended when dropped, by closing its standard input.
pub(crate) struct MappingProcess {
    process: Process,
    stdin: Option<ChildStdin>,
    answers: usize,
}

impl MappingProcess {
    /// `test_name` is that of an ignored test that calls [`serve`].
    pub(crate) fn start(test_name: &str, file: &Path) -> MappingProcess {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([test_name, "--exact", "--ignored", "--nocapture"])
            .env(FILE, file);
        let mut process = Process::spawn_talking(command);
        let stdin = Some(process.take_stdin());
        MappingProcess {
            process,
            stdin,
            answers: 0,
        }
    }

    pub(crate) fn read(&mut self, at: usize) -> u8 {
        self.ask(&format!("read {at} 0"))
    }

    pub(crate) fn write(&mut self, at: usize, byte: u8) {
        self.ask(&format!("write {at} {byte}"));
    }

    pub(crate) fn sync(&mut self) {
        self.ask("sync 0 0");
    }

    fn ask(&mut self, question: &str) -> u8 {
        writeln!(self.stdin.as_ref().unwrap(), "{question}").unwrap();
        let mut answer = None;
        testkit::wait_until(question, LIMIT, || {
            let lines = self.process.lines();
            answer = lines
                .iter()
                .filter_map(|line| line.strip_prefix("= "))
                .nth(self.answers)
                .map(str::to_owned);
            answer.is_some()
        });
        self.answers += 1;
        answer.unwrap().parse().unwrap()
    }
}

impl Drop for MappingProcess {
    fn drop(&mut self) {
        self.stdin = None;
        self.process.wait(LIMIT);
    }
}

/// What that process does.
pub(crate) fn serve() {
    let path = env::var_os(FILE).expect("a file to map");
    let file = File::options().read(true).write(true).open(path).unwrap();
    let map = Mapped::new(&file, LENGTH);
    println!();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let (at, byte) = (words[1].parse().unwrap(), words[2].parse().unwrap());
        match words[0] {
            "write" => map.write(at, byte),
            "sync" => map.sync(),
            _ => {}
        }
        println!("= {}", map.read(at));
    }
}
