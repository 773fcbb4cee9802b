//! Streams through `ssh`: it is started as a child, and what it carries is on its standard input and output.

mod cipher;
mod failure;
mod group;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

use crate::pipes;
use crate::reconnect::Connector;
use failure::Tail;
use group::Group;

pub use cipher::FastCipher;
pub use failure::{SshError, SshProblem};

/// What the frames need, whatever stands in `~/.ssh/config`: no terminal, no question that nobody is there to answer, no
/// master whose end would be the end of other sessions too (or that would outlive this one), nothing forwarded to a server
/// that is not trusted with it. ssh's own pings are off: the link has its own.
const OPTIONS: [&str; 10] = [
    "BatchMode=yes",
    "ServerAliveInterval=0",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "ControlMaster=no",
    "ControlPath=none",
];

/// Starts `ssh`. All else is as the user has it in `~/.ssh/config`.
#[derive(Clone, Debug)]
pub struct Ssh {
    /// The program, by its whole path or as `PATH` of this process has it.
    pub program: PathBuf,
    /// Further options (`-p`, `-i`, …). They stand behind ours, of which ssh keeps the first.
    pub arguments: Vec<OsString>,
    /// Host, `user@host` or a name of the user's configuration.
    pub destination: OsString,
    /// What runs on the server, for the user's shell there.
    pub command: OsString,
    /// The whole environment of `ssh`. It needs `HOME` and `PATH`, and `SSH_AUTH_SOCK` for keys in an agent; whatever it
    /// has is the server's to see where `SendEnv` says so.
    pub environment: Vec<(OsString, OsString)>,
}

impl Ssh {
    /// Starts it, in a process group of its own: Ctrl-C in the terminal does not reach it.
    ///
    /// # Errors
    /// If it cannot be started, or the destination would be taken for an option. That it cannot connect is an error of
    /// reading, which holds an [`SshError`].
    pub fn start(&self) -> io::Result<SshStream> {
        self.check_destination()?;
        let mut command = Command::new(&self.program);
        command
            .arg("-T")
            .args(OPTIONS.iter().flat_map(|option| ["-o", option]))
            .args(&self.arguments)
            .arg(&self.destination)
            .arg("--")
            .arg(&self.command)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut group = Group::start(&mut command).map_err(|error| {
            let what = format!("cannot start {}: {error}", self.program.display());
            io::Error::new(error.kind(), what)
        })?;
        let ssh = &mut group.leader;
        let missing = || io::Error::other("a stream of ssh is missing");
        let stdout = ssh.stdout.take().ok_or_else(missing)?;
        pipes::widen(&stdout);
        Ok(SshStream {
            stdin: ssh.stdin.take(),
            stdout,
            stderr: ssh.stderr.take(),
            group,
            said: Tail::default(),
            has_ended: false,
        })
    }

    /// An error if ssh would take the destination for an option.
    fn check_destination(&self) -> io::Result<()> {
        let destination = self.destination.as_encoded_bytes();
        if destination.is_empty() || destination.starts_with(b"-") {
            let what = "the name of a server cannot be empty or begin with “-”";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(())
    }
}

impl Connector for Ssh {
    type Stream = SshStream;

    async fn connect(&mut self) -> io::Result<SshStream> {
        self.start()
    }
}

/// A running `ssh`. It is killed, and what it started with it, when this is dropped; the runtime reaps it.
#[derive(Debug)]
pub struct SshStream {
    group: Group,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    /// The end of what it said on its standard error.
    said: Tail,
    has_ended: bool,
}

impl SshStream {
    /// The process, until it has been waited for.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.group.leader.id()
    }

    /// Takes what has been said, so that `ssh` never waits to say more.
    fn listen(&mut self, context: &mut Context<'_>) {
        let mut piece = [0; 1024];
        while let Some(stderr) = &mut self.stderr {
            let mut buffer = ReadBuf::new(&mut piece);
            match Pin::new(stderr).poll_read(context, &mut buffer) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.said.add(buffer.filled());
                }
                Poll::Ready(_) => self.stderr = None,
            }
        }
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let status: ExitStatus = ready!(pin!(self.group.leader.wait()).poll(context))?;
        self.listen(context);
        self.has_ended = true;
        Poll::Ready(match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(SshError::new(status, &self.said))),
        })
    }
}

impl AsyncRead for SshStream {
    /// At its end, whether `ssh` failed.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.has_ended || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.listen(context);
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stdout).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            return Poll::Ready(Ok(()));
        }
        self.poll_end(context)
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}
