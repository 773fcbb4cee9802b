//! The zygote: one thread, no secrets, forks a worker for each request and ends those that hang.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid};

use super::connection::HomeConnection;
use super::fork::fork_worker;
use super::{Identity, privileges};
use crate::home::Worker;

/// A worker that has not ended by then hangs in the user's file system, or he has stopped it.
const LONGEST_WORK: Duration = Duration::from_secs(30);

struct Running {
    pid: Pid,
    ended: Option<OwnedFd>,
    deadline: Instant,
}

struct Order {
    identity: Identity,
    stream: UnixStream,
    changes: Option<OwnedFd>,
}

/// Serves until whoever has started this process closes the socket, which is its standard input.
///
/// # Errors
/// If the socket is none, or the system fails it.
pub fn serve() -> io::Result<()> {
    // Not another descriptor of it: a worker puts something else in its place.
    let control = rustix::stdio::stdin();
    let mut running: Vec<Running> = Vec::new();
    loop {
        if wait(control, &running)? {
            let Some(order) = receive(control)? else {
                return Ok(());
            };
            // Without a worker the other end of the socket closes, which says it.
            running.extend(start(order).ok());
        }
        running.retain_mut(Running::goes_on);
    }
}

/// Waits for an order or the end of a worker; `true` for an order.
fn wait(control: BorrowedFd<'_>, running: &[Running]) -> io::Result<bool> {
    let mut descriptors = vec![PollFd::from_borrowed_fd(control, PollFlags::IN)];
    let ends = running.iter().filter_map(|one| one.ended.as_ref());
    descriptors.extend(ends.map(|ended| PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN)));
    let nearest = running.iter().map(|one| one.deadline).min();
    let limit = nearest.map(|at| {
        let left = at.saturating_duration_since(Instant::now());
        Timespec::try_from(left).expect("seconds")
    });
    match poll(&mut descriptors, limit.as_ref()) {
        Ok(_) => Ok(!descriptors[0].revents().is_empty()),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// The next order; `None` if there will be none.
fn receive(control: BorrowedFd<'_>) -> io::Result<Option<Order>> {
    let mut bytes = [0; 256];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(
            control,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let mut descriptors = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
        _ => Vec::new(),
    });
    let stream = descriptors.next();
    let changes = descriptors.next();
    let identity = serde_json::from_slice(&bytes[..received.bytes]);
    match (identity, stream) {
        (Ok(identity), Some(stream)) => Ok(Some(Order {
            identity,
            stream: stream.into(),
            changes,
        })),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn start(order: Order) -> io::Result<Running> {
    let zygote = Some(rustix::process::getpid());
    let pid = fork_worker(|| {
        // Nobody is left to be told of a failure but by the end of this process.
        drop(work(order, zygote));
    })?;
    Ok(Running {
        pid,
        ended: pidfd_open(pid, PidfdFlags::empty()).ok(),
        deadline: Instant::now() + LONGEST_WORK,
    })
}

/// What a worker does, from root to its end.
fn work(order: Order, zygote: Option<Pid>) -> io::Result<()> {
    // The zygote's socket must not be in a process of a user's.
    let null = rustix::fs::open(
        "/dev/null",
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?;
    rustix::stdio::dup2_stdin(null)?;
    privileges::irrevocably_become(&order.identity)?;
    privileges::restrain()?;
    // It may have ended before its end could be noticed.
    if rustix::process::getppid() != zygote {
        return Ok(());
    }
    let connection = HomeConnection::waiting(order.stream)?;
    Worker::new(order.identity.uid, connection, order.changes).run()
}

impl Running {
    /// Reaps it if it has ended, and ends it if it hangs.
    fn goes_on(&mut self) -> bool {
        if self.deadline <= Instant::now() {
            // It is our child and not reaped: the number is still its own.
            kill_process(self.pid, Signal::KILL).unwrap_or_default();
            self.deadline = Instant::now() + LONGEST_WORK;
        }
        let reaped = waitpid(Some(self.pid), WaitOptions::NOHANG);
        matches!(reaped, Ok(None) | Err(rustix::io::Errno::INTR))
    }
}
