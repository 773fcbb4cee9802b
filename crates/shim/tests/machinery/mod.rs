//! A session's directory with links, programs of the server, and agents that say what a test wants.

#![allow(dead_code, reason = "each test takes of it what it needs")]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use live::programs::Stream;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use shim::protocol::{FromShim, ToShim, Typed, VERSION, decode, encode};
use tempfile::TempDir;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A session on the server, whose agent is a test's.
pub(crate) struct Session {
    directory: TempDir,
    listener: UnixListener,
}

impl Session {
    /// With the command `npm`, and a server's own directory of programs.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Longer than a socket's path may be.
        let bin = directory.path().join("session".repeat(18)).join("bin");
        fs::create_dir_all(&bin).unwrap();
        for name in ["programs", "work"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        let socket = directory.path().join("agent");
        let listener = UnixListener::bind(&socket).unwrap();
        symlink(&socket, bin.join("../socket")).unwrap();
        let session = Self {
            directory,
            listener,
        };
        session.link("npm");
        session
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.path("").join("session".repeat(18)).join("bin")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn link(&self, name: &str) {
        let test = std::env::current_exe().unwrap();
        let program = test.ancestors().nth(2).unwrap().join("examples/shim");
        assert!(
            program.exists(),
            "cargo test builds it, cargo test --test does not"
        );
        symlink(program, self.bin().join(name)).unwrap();
    }

    /// A program of the server's own.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = self.path("programs").join(name);
        let mut file = File::create(&path).unwrap();
        writeln!(file, "#!/bin/sh\n{script}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let path = [self.bin(), self.path("programs")];
        let path = path.iter().map(|entry| entry.display().to_string());
        let path = path.collect::<Vec<_>>().join(":") + ":/usr/bin:/bin";
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path(""))
            .env("LC_ALL", "C")
            .current_dir(self.path("work"))
            .stdin(Stdio::null());
        command
    }

    /// A line of a shell.
    pub(crate) fn line(&self, line: &str) -> Command {
        let mut command = self.command("/bin/sh");
        command.args(["-c", line]);
        command
    }

    /// Runs a line of a shell, with an agent for the one command in it.
    pub(crate) fn ran(&self, line: &str, agent: impl FnOnce(Agent) + Send + 'static) -> Output {
        let agent = self.agent(agent);
        let output = self.line(line).output().unwrap();
        agent.join().unwrap();
        output
    }

    /// Who answers the next command.
    pub(crate) fn agent(&self, script: impl FnOnce(Agent) + Send + 'static) -> JoinHandle<()> {
        let listener = self.listener.try_clone().unwrap();
        thread::spawn(move || {
            script(Agent::accept(&listener));
        })
    }

    /// Who answers this many commands, one after the other.
    pub(crate) fn agents(
        &self,
        count: usize,
        mut script: impl FnMut(usize, Agent) + Send + 'static,
    ) -> JoinHandle<()> {
        let listener = self.listener.try_clone().unwrap();
        thread::spawn(move || {
            for index in 0..count {
                script(index, Agent::accept(&listener));
            }
        })
    }
}

/// The agent's end of one command.
pub(crate) struct Agent {
    stream: UnixStream,
    come: BytesMut,
}

impl Agent {
    fn accept(listener: &UnixListener) -> Self {
        let limit = Timespec::try_from(LIMIT).unwrap();
        let waited = [PollFd::new(listener, PollFlags::IN)];
        assert_eq!(poll(&mut { waited }, Some(&limit)), Ok(1), "nobody asks");
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let come = BytesMut::new();
        Self { stream, come }
    }

    /// What was typed.
    pub(crate) fn typed(&mut self) -> Typed {
        self.say(&ToShim::Version(VERSION));
        assert_eq!(self.next(), Some(FromShim::Version(VERSION)));
        match self.next() {
            Some(FromShim::Start(typed)) => *typed,
            other => panic!("{other:?}"),
        }
    }

    /// What was typed, which runs now.
    pub(crate) fn started(&mut self) -> Typed {
        let typed = self.typed();
        self.say(&ToShim::Started { reads_input: false });
        typed
    }

    /// What is said next, `None` at the end.
    pub(crate) fn next(&mut self) -> Option<FromShim> {
        let mut piece = [0; 64 << 10];
        loop {
            if let Some(message) = decode(&mut self.come).unwrap() {
                return Some(message);
            }
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                count => self.come.extend_from_slice(&piece[..count.unwrap()]),
            }
        }
    }

    /// The next that is not about the terminal's size, nor going on.
    pub(crate) fn next_but_sizes(&mut self) -> Option<FromShim> {
        loop {
            match self.next() {
                Some(FromShim::Resize(_)) => {}
                other => return other,
            }
        }
    }

    /// Until this was typed.
    pub(crate) fn wait_for_input(&mut self, expected: &[u8]) {
        let mut come = Vec::new();
        while come != expected {
            match self.next_but_sizes() {
                Some(FromShim::Input(bytes)) => come.extend_from_slice(&bytes),
                other => panic!("{other:?} behind {come:?}"),
            }
        }
    }

    /// Until a line was typed and this signal passed on, in any order; the line without its end.
    pub(crate) fn line_and_signal(&mut self, signal: Signal) -> Vec<u8> {
        let (mut come, mut has_come) = (Vec::new(), false);
        while !has_come || !matches!(come.last(), Some(b'\r' | b'\n')) {
            match self.next_but_sizes() {
                Some(FromShim::Input(bytes)) => come.extend_from_slice(&bytes),
                Some(FromShim::Signal(number)) if number == signal.as_raw() => has_come = true,
                other => panic!("{other:?} behind {come:?}"),
            }
        }
        come.pop();
        come
    }

    /// Until this signal was passed on.
    pub(crate) fn wait_for_signal(&mut self, signal: Signal) {
        let expected = Some(FromShim::Signal(signal.as_raw()));
        assert_eq!(self.next_but_sizes(), expected);
    }

    pub(crate) fn say(&mut self, message: &ToShim) {
        assert!(self.try_say(message));
    }

    pub(crate) fn try_say(&mut self, message: &ToShim) -> bool {
        self.stream.write_all(&encode(message).unwrap()).is_ok()
    }

    pub(crate) fn output(&mut self, text: &str) {
        self.say(&output(Stream::Out, text));
    }

    pub(crate) fn exited(&mut self, code: i32) {
        self.ended(Some(code), None, 0);
    }

    pub(crate) fn ended(&mut self, code: Option<i32>, signal: Option<i32>, read: u64) {
        self.say(&ToShim::Ended { code, signal, read });
    }

    /// The shim.
    pub(crate) fn peer(&self) -> Pid {
        let peer = getsockopt(&self.stream, PeerCredentials).unwrap();
        Pid::from_raw(peer.pid()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.peer(), signal).unwrap();
    }

    /// The most memory that the shim has had, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let status = format!("/proc/{}/status", self.peer().as_raw_nonzero());
        let status = fs::read_to_string(status).unwrap();
        let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
        let peak = peak.unwrap().split_whitespace().nth(1).unwrap();
        peak.parse::<usize>().unwrap() << 10
    }
}

pub(crate) fn output(stream: Stream, text: &str) -> ToShim {
    ToShim::Output {
        stream,
        bytes: Bytes::copy_from_slice(text.as_bytes()),
    }
}
