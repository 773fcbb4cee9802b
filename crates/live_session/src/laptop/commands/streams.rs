//! What a command has open, and our ends of it.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use live::commands::End;
use live::programs::{Size, Stream};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::ioctl_fionbio;
use rustix::pipe::fcntl_setpipe_size;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{InputModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use tokio::io::unix::AsyncFd;

use super::input::Sink;
use super::output::Source;

/// What a pipe holds through which much goes, in bytes.
const WIDE: usize = 256 << 10;

/// Our end of a terminal, or of a pipe.
pub(super) type Descriptor = Arc<AsyncFd<OwnedFd>>;

/// Both ends.
pub(super) struct Streams {
    /// The command's: standard input, output and errors.
    pub(super) theirs: [OwnedFd; 3],
    /// The command's, if it has one.
    pub(super) their_terminal: Option<OwnedFd>,
    pub(super) ours: Ours,
}

/// Our ends.
pub(super) struct Ours {
    pub(super) sink: Sink,
    pub(super) sources: Vec<Source>,
    pub(super) terminal: Option<Descriptor>,
}

impl Streams {
    /// Inside of a tokio runtime.
    pub(super) fn open(ends: [End; 3], size: Option<Size>) -> io::Result<Self> {
        let mut sources = Vec::new();
        let terminal = match ends.contains(&End::Terminal) {
            true => Some(open_terminal(size)?),
            false => None,
        };
        let slave = || match &terminal {
            Some((_, slave)) => slave.try_clone(),
            None => Err(io::ErrorKind::InvalidInput.into()),
        };
        let master = terminal.as_ref().map(|(master, _)| Arc::clone(master));
        let (input, sink) = match ends[0] {
            End::Terminal => (slave()?, Sink::terminal(master.clone())),
            End::Pipe => {
                let (theirs, ours) = std::io::pipe()?;
                (theirs.into(), Sink::pipe(asynchronous(ours.into())?))
            }
            End::Nothing | End::AsOutput => (null()?, Sink::nothing()),
        };
        let mut outgoing = |end, stream| match end {
            End::Terminal => slave(),
            End::Pipe => {
                let (ours, theirs) = std::io::pipe()?;
                let ours = Arc::new(asynchronous(ours.into())?);
                sources.push(Source::new(ours, Some(stream)));
                Ok(theirs.into())
            }
            End::Nothing | End::AsOutput => null(),
        };
        let output = outgoing(ends[1], Stream::Out)?;
        let errors = match ends[2] {
            End::AsOutput => output.try_clone()?,
            end => outgoing(end, Stream::Err)?,
        };
        if let Some(master) = &master {
            sources.push(Source::terminal(Arc::clone(master), shown(ends)));
        }
        Ok(Self {
            theirs: [input, output, errors],
            their_terminal: terminal.map(|(_, slave)| slave),
            ours: Ours {
                sink,
                sources,
                terminal: master,
            },
        })
    }
}

/// Has a pipe hold more, if the system allows that: its ends wait for each other less often. Only one through which much goes,
/// since all of a user's pipes together have a limit (`pipe-user-pages-soft` of proc_sys_fs(5)). A terminal refuses.
pub(super) fn widen(pipe: &OwnedFd) {
    fcntl_setpipe_size(pipe, WIDE).ok();
}

/// As which stream is told what goes to the terminal. If neither output nor errors are that, it would be written where it
/// does not belong.
fn shown([_, output, errors]: [End; 3]) -> Option<Stream> {
    match (output, errors) {
        (End::Terminal, _) => Some(Stream::Out),
        (_, End::Terminal) => Some(Stream::Err),
        _ => None,
    }
}

/// Sets how large the command finds its terminal; the kernel sends SIGWINCH if that is a change.
pub(super) fn resize(terminal: &Descriptor, size: Size) {
    // Fails for nothing that is a terminal.
    set_size(terminal.get_ref(), size).ok();
}

fn set_size(terminal: &OwnedFd, size: Size) -> io::Result<()> {
    let size = terminal::Size::clamped(size.rows.into(), size.columns.into());
    let size = Winsize {
        ws_row: size.rows(),
        ws_col: size.columns(),
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(terminal.as_fd(), size)?)
}

/// This side, and the command's.
fn open_terminal(size: Option<Size>) -> io::Result<(Descriptor, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    unlockpt(&master)?;
    // By ioctl instead of by name: right whatever is mounted at /dev/pts.
    let slave = ioctl_tiocgptpeer(&master, flags)?;
    let mut modes = tcgetattr(&slave)?;
    // Erasing takes a whole character.
    modes.input_modes |= InputModes::IUTF8;
    tcsetattr(&slave, OptionalActions::Now, &modes)?;
    let unknown = Size {
        rows: 0,
        columns: 0,
    };
    set_size(&master, size.unwrap_or(unknown))?;
    Ok((Arc::new(asynchronous(master)?), slave))
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for types whose descriptor may change; that of an OwnedFd does not"
)]
fn asynchronous(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    ioctl_fionbio(&descriptor, true)?;
    AsyncFd::new(descriptor)
}

fn null() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    Ok(open("/dev/null", flags, Mode::empty())?)
}
