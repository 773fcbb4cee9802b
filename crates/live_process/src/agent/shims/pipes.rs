//! The pipes of a shim that the agent reads and writes itself: what goes through them waits for one process less.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, BytesMut};
use live::commands::{LARGEST_PIECE, WINDOW};
use live::programs::Stream;
use live_session::server::RunningCommand;
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, Interest, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Standard input, output and errors.
const MOST: usize = 3;

/// How many pipes of all shims together may be open here: the rest is left to the shims. Clones are the same.
#[derive(Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Room {
    pub(super) fn new(pipes: usize) -> Self {
        Self(Arc::new(Semaphore::new(pipes.min(Semaphore::MAX_PERMITS))))
    }

    /// Room for those of one shim, until that is dropped.
    fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_many_owned(MOST as u32).ok()
    }
}

/// The descriptors that a shim has sent. Clones are the same.
#[derive(Clone)]
pub(super) struct Given {
    descriptors: Arc<Mutex<Vec<OwnedFd>>>,
    room: Room,
}

impl Given {
    pub(super) fn new(room: Room) -> Self {
        Self {
            descriptors: Arc::default(),
            room,
        }
    }

    /// No more than a shim has: the rest is closed.
    fn add(&self, descriptors: impl Iterator<Item = OwnedFd>) {
        let mut given = self.lock();
        let room = MOST.saturating_sub(given.len());
        given.extend(descriptors.take(room));
    }

    fn take(&self) -> Vec<OwnedFd> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.descriptors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection over which descriptors come beside the bytes.
pub(super) struct Connected {
    stream: UnixStream,
    given: Given,
}

impl Connected {
    pub(super) fn new(stream: UnixStream, room: Room) -> Self {
        Self {
            stream,
            given: Given::new(room),
        }
    }

    /// What comes.
    pub(super) fn given(&self) -> Given {
        self.given.clone()
    }

    fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut into = [IoSliceMut::new(bytes)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(&self.stream, &mut into, &mut ancillary, flags)?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.given.add(descriptors);
            }
        }
        Ok(received.bytes)
    }
}

impl AsyncRead for Connected {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            let receive = || self.receive(buffer.initialize_unfilled());
            match self.stream.try_io(Interest::READABLE, receive) {
                Err(error) if is_to_be_tried_again(&error) => {}
                received => {
                    buffer.advance(received?);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

fn is_to_be_tried_again(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::WouldBlock || kind == io::ErrorKind::Interrupted
}

impl AsyncWrite for Connected {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Who writes what a command outputs.
#[derive(Default)]
pub(super) enum Writing {
    #[default]
    Shim,
    Agent(pipe::Sender),
    /// Nobody any more, since nobody reads it.
    Nobody,
}

/// Those of one shim.
#[derive(Default)]
pub(super) struct Pipes {
    /// What its command reads.
    pub(super) input: Option<pipe::Receiver>,
    output: Writing,
    errors: Writing,
    _room: Option<OwnedSemaphorePermit>,
}

impl Pipes {
    /// Those that were sent, which are the streams of which `are_sent`, in their order. One that cannot be opened, or for which
    /// there is no room, is left to the shim. Inside of a tokio runtime.
    pub(super) fn open(are_sent: [bool; 3], given: &Given) -> Self {
        let descriptors = given.take();
        let room = match descriptors.is_empty() {
            true => None,
            false => given.room.take(),
        };
        if room.is_none() {
            return Self::default();
        }
        let mut given = descriptors.into_iter();
        let [input, output, errors] =
            are_sent.map(|is_sent| is_sent.then(|| given.next()).flatten());
        Self {
            input: input
                .and_then(|pipe| anew(&pipe, OFlags::RDONLY, pipe::OpenOptions::open_receiver)),
            output: writing(output),
            errors: writing(errors),
            _room: room,
        }
    }

    pub(super) fn to(&mut self, stream: Stream) -> &mut Writing {
        match stream {
            Stream::Out => &mut self.output,
            Stream::Err => &mut self.errors,
        }
    }
}

fn writing(pipe: Option<OwnedFd>) -> Writing {
    let pipe = pipe.and_then(|pipe| anew(&pipe, OFlags::WRONLY, pipe::OpenOptions::open_sender));
    pipe.map_or(Writing::Shim, Writing::Agent)
}

/// Opens it once more: so it does not wait here, and still does for everybody who has it, too. Not where the shim itself could
/// not do with it what it is opened for: whose input is the end of a pipe that others read reads nothing.
fn anew<End>(
    pipe: &OwnedFd,
    direction: OFlags,
    open: impl FnOnce(&pipe::OpenOptions, String) -> io::Result<End>,
) -> Option<End> {
    let kind = FileType::from_raw_mode(fstat(pipe).ok()?.st_mode);
    let flags = fcntl_getfl(pipe).ok()?;
    let is_open_so = [direction, OFlags::RDWR].contains(&(flags & OFlags::RWMODE));
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    (kind == FileType::Fifo && is_open_so && !flags.contains(OFlags::PATH))
        .then(|| open(&pipe::OpenOptions::new(), path).ok())
        .flatten()
}

/// Passes on what comes through `input`, no more than the window beyond what was `taken` of it, until it ends.
pub(super) async fn feed(
    mut input: pipe::Receiver,
    mut taken: watch::Receiver<u64>,
    running: &RunningCommand,
) {
    let mut read = 0;
    let largest = LARGEST_PIECE as u64;
    // Fails when nobody says how much was taken any more: it has ended.
    while taken
        .wait_for(|taken| read + largest <= taken.saturating_add(WINDOW))
        .await
        .is_ok()
    {
        running.room().await;
        let piece = BytesMut::with_capacity(LARGEST_PIECE);
        let mut piece = piece.limit(LARGEST_PIECE);
        match input.read_buf(&mut piece).await {
            Ok(length) if length > 0 => {
                read += length as u64;
                running.input(piece.into_inner().freeze());
            }
            // What cannot be read has ended.
            _ => return running.input_ended(),
        }
    }
}
