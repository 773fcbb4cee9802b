//! The other end of a runner.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{Command, Stdio};

use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::net::UnixStream;
use tokio::process::Child;

use crate::channel;
use crate::protocol::{Order, Report, Spec};

/// How much is read at once.
const PIECE: usize = 1 << 10;

/// What a command has open.
#[derive(Debug)]
pub struct Descriptors {
    /// Where it starts.
    pub directory: OwnedFd,
    /// Standard input, output and errors.
    pub streams: [OwnedFd; 3],
    /// The terminal that becomes its own, if it is to have one. Of any number of streams, or none.
    pub terminal: Option<OwnedFd>,
}

/// A runner. When this is dropped, the command and everything that it has started is ended.
#[derive(Debug)]
pub struct Runner {
    socket: UnixStream,
    come: Vec<u8>,
    /// Waited for by the runtime.
    _process: Child,
}

impl Runner {
    /// Starts one that waits to be told what to run. `command` is a program that calls [`crate::run`]; its standard input
    /// is set here. Inside of a tokio runtime.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn prepare(mut command: Command) -> io::Result<Self> {
        let (socket, theirs) = StdUnixStream::pair()?;
        socket.set_nonblocking(true)?;
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        let process = tokio::process::Command::from(command).spawn()?;
        Ok(Self {
            socket: UnixStream::from_std(socket)?,
            come: Vec::new(),
            _process: process,
        })
    }

    /// Tells it what to run: once.
    ///
    /// # Errors
    /// If the runner is gone, or there is more than it can be told.
    pub async fn start(&mut self, spec: Spec, descriptors: &Descriptors) -> io::Result<()> {
        let [input, output, errors] = &descriptors.streams;
        let always = [&descriptors.directory, input, output, errors];
        let all = always.into_iter().chain(&descriptors.terminal);
        let all: Vec<BorrowedFd<'_>> = all.map(|descriptor| descriptor.as_fd()).collect();
        let order = Order::Start {
            spec: Box::new(spec),
            has_terminal: descriptors.terminal.is_some(),
        };
        self.say(&order, &all).await
    }

    /// Sends a signal, by its number on Linux, to the command's process group. One that has ended gets none.
    ///
    /// # Errors
    /// If the runner is gone.
    pub async fn signal(&mut self, signal: i32) -> io::Result<()> {
        self.say(&Order::Signal(signal), &[]).await
    }

    /// Has the command and everything that it has started ended, as dropping this does; what is reported of that comes.
    ///
    /// # Errors
    /// If the runner is gone.
    pub fn hang_up(&self) -> io::Result<()> {
        Ok(shutdown(&self.socket, Shutdown::Write)?)
    }

    /// What is reported next; `None` if nothing follows. Dropping the future loses nothing.
    ///
    /// # Errors
    /// If what comes cannot be understood.
    pub async fn next(&mut self) -> io::Result<Option<Report>> {
        loop {
            if let Some(report) = channel::decode(&mut self.come)? {
                return Ok(Some(report));
            }
            self.come.reserve(PIECE);
            match self.socket.read_buf(&mut self.come).await {
                Ok(0) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                read => drop(read?),
            }
        }
    }

    async fn say(&mut self, order: &Order, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = channel::encode(order)?;
        let mut sent = 0;
        while sent < bytes.len() {
            self.socket.writable().await?;
            // With the first byte.
            let descriptors = if sent == 0 { descriptors } else { &[] };
            let rest = &bytes[sent..];
            let send = || channel::send_some(&self.socket, rest, descriptors);
            match self.socket.try_io(Interest::WRITABLE, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                taken => sent += taken?,
            }
        }
        Ok(())
    }
}
