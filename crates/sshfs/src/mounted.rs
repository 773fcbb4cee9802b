//! A mount of sshfs, from its beginning to its end.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use live::files::Root;
use mount::{Files, Mountpoint, Options};

use crate::Server;
use crate::options::{Known, arguments};

/// The program.
const PROGRAM: &str = "sshfs";
/// How long it may take to mount.
const LONGEST_START: Duration = Duration::from_secs(60);
/// How long its end waits for it, each time.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(5);
/// How much of what it says is kept, in bytes.
const MOST_SAID: u64 = 4096;

/// Why there is no mount.
#[derive(Debug, thiserror::Error)]
pub enum SshfsError {
    /// There is no such program.
    #[error("sshfs is not there")]
    Missing,
    /// It is too old.
    #[error("this sshfs cannot be fed by another program")]
    TooOld,
    /// It has ended, with what it said.
    #[error("sshfs: {0}")]
    Ended(String),
    /// It mounts nothing.
    #[error("sshfs has mounted nothing within {} seconds", LONGEST_START.as_secs())]
    TooLong,
    /// The system does not let it be started.
    #[error("sshfs cannot be started: {0}")]
    System(#[from] io::Error),
}

/// A mount. It ends when this is dropped, which waits for sshfs.
#[derive(Debug)]
pub struct Mounted {
    process: Arc<Process>,
    mountpoint: Mountpoint,
    server: Server,
}

/// sshfs, killed when this is dropped.
#[derive(Debug)]
struct Process {
    child: Mutex<Child>,
    said: Said,
}

/// What it says, as far as it is kept.
#[derive(Clone, Debug, Default)]
struct Said(Arc<Saying>);

#[derive(Debug, Default)]
struct Saying {
    text: Mutex<String>,
    /// It says nothing more.
    is_over: AtomicBool,
}

/// Mounts the published directory `root` at `directory`. `gone` is called when sshfs has ended, for whatever reason.
///
/// # Errors
/// If there is no sshfs, or it does not mount.
pub fn mount(
    directory: &Path,
    root: Root,
    files: Arc<dyn Files>,
    options: &Options,
    gone: impl FnOnce() + Send + 'static,
) -> Result<Mounted, SshfsError> {
    let directory = directory.canonicalize()?;
    let known = ask()?;
    let passive = known.passive.ok_or(SshfsError::TooOld)?;
    let (ours, theirs) = UnixStream::pair()?;
    let process = Process::start(arguments(known, passive, &directory, options), theirs)?;
    let process = Arc::new(process);
    let ending = Arc::clone(&process);
    let ended = move || {
        ending.wait_for_end(PATIENCE);
        gone();
    };
    let started = Server::start(ours, root, files, options, ended);
    let mounted = started.map_err(SshfsError::System).and_then(|server| {
        let mountpoint = process.wait_for_mount(&directory)?;
        Ok((server, mountpoint))
    });
    let (server, mountpoint) = mounted.inspect_err(|_| process.kill())?;
    Ok(Mounted {
        process,
        mountpoint,
        server,
    })
}

/// Which options it has.
fn ask() -> Result<Known, SshfsError> {
    let mut command = Command::new(PROGRAM);
    let output = command
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .map_err(unstarted)?;
    let said = [output.stdout, output.stderr].concat();
    Ok(Known::read(&String::from_utf8_lossy(&said)))
}

fn unstarted(error: io::Error) -> SshfsError {
    match error.kind() {
        io::ErrorKind::NotFound => SshfsError::Missing,
        _ => SshfsError::System(error),
    }
}

impl Mounted {
    /// Where it is mounted, without links.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.mountpoint.directory()
    }

    /// Why it is no mount any more; `None` if it is one.
    pub fn failure(&self) -> Option<SshfsError> {
        self.process.ended()
    }

    /// Ends it. Whoever has something open there gets errors from then on.
    ///
    /// # Errors
    /// If it cannot be unmounted. Everything in it is an error even then.
    pub fn unmount(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        let detached = self.mountpoint.detach();
        if !self.process.wait_for_end(PATIENCE / 4) {
            // Somebody has something open. Without anybody who answers it, sshfs ends by itself.
            self.server.end();
            self.process.wait_for_end(PATIENCE);
        }
        self.process.kill();
        detached
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nobody is left to be told.
        self.end().ok();
    }
}

impl Process {
    /// `stream` is its standard input and output. When the other end of that is gone, as when this process is, it unmounts
    /// and ends by itself.
    fn start(arguments: Vec<OsString>, stream: UnixStream) -> Result<Self, SshfsError> {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .stdin(OwnedFd::from(stream.try_clone()?))
            .stdout(OwnedFd::from(stream))
            .stderr(Stdio::piped());
        // No signal of a terminal's reaches it.
        command.process_group(0);
        let mut child = command.spawn().map_err(unstarted)?;
        let said = Said::default();
        if let Some(stderr) = child.stderr.take() {
            said.listen(stderr);
        }
        Ok(Self {
            child: Mutex::new(child),
            said,
        })
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> Option<ExitStatus> {
        self.child().try_wait().ok().flatten()
    }

    fn ended(&self) -> Option<SshfsError> {
        let status = self.status()?;
        wait_until(PATIENCE, || self.said.is_over());
        let said = self.said.text();
        Some(SshfsError::Ended(match said.trim() {
            "" => status.to_string(),
            said => said.to_owned(),
        }))
    }

    fn wait_for_mount(&self, directory: &Path) -> Result<Mountpoint, SshfsError> {
        let deadline = Instant::now() + LONGEST_START;
        loop {
            if let Some(mountpoint) = Mountpoint::find(directory) {
                return Ok(mountpoint);
            }
            if let Some(failure) = self.ended() {
                return Err(failure);
            }
            if Instant::now() > deadline {
                return Err(SshfsError::TooLong);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Whether it has ended in time.
    fn wait_for_end(&self, patience: Duration) -> bool {
        wait_until(patience, || self.status().is_some())
    }

    fn kill(&self) {
        let mut child = self.child();
        // Fails where it has ended.
        child.kill().ok();
        child.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether it came true in time.
fn wait_until(patience: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
    true
}

impl Said {
    /// Keeps the beginning of what comes, and takes the rest, so that nobody waits to say it.
    fn listen(&self, mut stderr: ChildStderr) {
        let said = self.clone();
        let listen = move || {
            let mut buffer = [0; 1024];
            let mut left = MOST_SAID;
            while let Ok(count @ 1..) = stderr.read(&mut buffer) {
                let kept = count.min(usize::try_from(left).unwrap_or(0));
                left -= kept as u64;
                said.lock()
                    .push_str(&String::from_utf8_lossy(&buffer[..kept]));
            }
            said.0.is_over.store(true, Ordering::SeqCst);
        };
        // Where there can be no thread, what it says is not heard.
        thread::Builder::new()
            .name("sshfs".to_owned())
            .spawn(listen)
            .ok();
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.0.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::SeqCst)
    }

    fn text(&self) -> String {
        self.lock().clone()
    }
}
