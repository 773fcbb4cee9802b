//! What a command outputs.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use live::Bytes;
use live::commands::{LARGEST_PIECE, News};
use live::programs::Stream;
use proxy::{OutputMapper, Paths};
use rustix::io::{Errno, ioctl_fionread};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::fate::Fate;
use super::handle::Unread;
use super::streams::{self, Descriptor};

/// When a command has ended but another holds its pipes, its output counts as read after this long without any…
const QUIET: Duration = Duration::from_millis(100);
/// …and after this long in any case, but for what was there when it ended.
const LONGEST_REST: Duration = Duration::from_secs(2);
/// After how long without more output the beginning of a path is none.
const HELD_BACK: Duration = Duration::from_millis(50);
/// More than a terminal can hold of what its programs have written, in bytes: 4 KiB to be read and 8 KiB before that
/// (`pty_common_install` of Linux). It does not tell how much it is.
const MOST_IN_TERMINAL: u64 = 16 << 10;
/// How much is told before a stop at most, in bytes, if others go on writing.
const MOST_BEFORE_STOP: u64 = 256 << 10;

/// A pipe or a terminal that is read.
pub(super) struct Source {
    /// `None` at its end.
    descriptor: Option<Descriptor>,
    is_terminal: bool,
    /// It was full once, and holds more since.
    is_wide: bool,
    /// As what it is told; `None`: not.
    stream: Option<Stream>,
    mapper: Option<OutputMapper>,
}

impl Source {
    pub(super) fn new(pipe: Descriptor, stream: Option<Stream>) -> Self {
        Self {
            descriptor: Some(pipe),
            is_terminal: false,
            is_wide: false,
            stream,
            mapper: None,
        }
    }

    pub(super) fn terminal(terminal: Descriptor, stream: Option<Stream>) -> Self {
        Self {
            is_terminal: true,
            ..Self::new(terminal, stream)
        }
    }

    /// Whoever writes to it learns that nobody reads it. A terminal is read by the laptop itself.
    fn close_if(&mut self, unread: Unread) {
        let is_unread = self.stream.is_some_and(|stream| unread.has(stream));
        if is_unread && !self.is_terminal {
            self.descriptor = None;
            self.mapper = None;
        }
    }

    /// How much there is to be read, in bytes, at least.
    fn waiting(&self) -> u64 {
        match &self.descriptor {
            Some(_) if self.is_terminal => MOST_IN_TERMINAL,
            Some(pipe) => ioctl_fionread(pipe.get_ref()).unwrap_or_default(),
            None => 0,
        }
    }

    /// What there is; `None` if that is nothing.
    fn read_now(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let descriptor = self.descriptor.as_ref()?;
        match rustix::io::read(descriptor.get_ref(), buffer) {
            Err(Errno::AGAIN | Errno::INTR) => None,
            read => Some(self.length(read)),
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        let Some(descriptor) = &self.descriptor else {
            return Poll::Pending;
        };
        let read = loop {
            let Ok(mut guard) = ready!(descriptor.poll_read_ready(context)) else {
                break Err(Errno::IO);
            };
            match rustix::io::read(descriptor.get_ref(), &mut *buffer) {
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR) => {}
                read => break read,
            }
        };
        if read == Ok(buffer.len()) && !self.is_terminal && !self.is_wide {
            self.is_wide = true;
            streams::widen(descriptor.get_ref());
        }
        Poll::Ready(self.length(read))
    }

    /// A terminal that no program has open any more, and what cannot be read, is at its end.
    fn length(&mut self, read: Result<usize, Errno>) -> usize {
        let length = read.unwrap_or(0);
        if length == 0 {
            self.descriptor = None;
        }
        length
    }
}

/// What is told next.
pub(super) enum Piece {
    Output(Stream, Bytes),
    News(News),
}

/// All that a command outputs, and when it stops and goes on in between.
pub(super) struct Output {
    sources: Vec<Source>,
    /// Which is read first: the one behind the last.
    first: usize,
    buffer: Vec<u8>,
    fate: watch::Receiver<Fate>,
    /// The signal that has stopped it, if it is stopped.
    stopped: watch::Receiver<Option<i32>>,
    unread: watch::Receiver<Unread>,
    /// It has stopped or gone on, which is told once so much was read, in bytes, or all that there is.
    mark: Option<(u64, News)>,
    /// Once the command has ended.
    rest: Option<Rest>,
    /// A mapper may hold something back.
    may_hold: bool,
    /// Only what is held back comes yet.
    is_over: bool,
}

/// What may still come of a command that has ended.
struct Rest {
    /// What was there when it did, in bytes.
    left: u64,
    until: Instant,
}

/// What [`Output::next`] goes on with.
enum Come {
    Read(usize, usize),
    Stopped,
    Unread,
    Fate,
    HeldBack,
    AllThatWasThere,
    End,
}

impl Output {
    pub(super) fn new(
        mut sources: Vec<Source>,
        mapped: Option<&Paths>,
        (fate, stopped, unread): (
            watch::Receiver<Fate>,
            watch::Receiver<Option<i32>>,
            watch::Receiver<Unread>,
        ),
    ) -> Self {
        for source in &mut sources {
            source.mapper = mapped.map(OutputMapper::new);
        }
        Self {
            sources,
            first: 0,
            buffer: vec![0; LARGEST_PIECE],
            fate,
            stopped,
            unread,
            mark: None,
            rest: None,
            may_hold: false,
            is_over: false,
        }
    }

    /// What comes next; `None` once the command has ended, and all that it has output has come.
    pub(super) async fn next(&mut self) -> Option<Piece> {
        loop {
            if self.is_over {
                return self.flush();
            }
            let come = match self.come_already() {
                Some(come) => come,
                None => self.wait().await,
            };
            let piece = match come {
                Come::Read(number, length) => self.piece(number, length),
                Come::AllThatWasThere => self.mark.take().map(|(_, news)| Piece::News(news)),
                Come::Stopped => {
                    let stopped = *self.stopped.borrow_and_update();
                    let news = stopped.map_or(News::Continued, News::Stopped);
                    self.mark = Some((MOST_BEFORE_STOP, news));
                    None
                }
                Come::Fate => None,
                Come::Unread => {
                    let unread = *self.unread.borrow_and_update();
                    for source in &mut self.sources {
                        source.close_if(unread);
                    }
                    None
                }
                Come::HeldBack => self.flush(),
                Come::End => {
                    self.is_over = true;
                    None
                }
            };
            if piece.is_some() {
                return piece;
            }
        }
    }

    /// What is there without waiting, once the command has stopped or ended.
    fn come_already(&mut self) -> Option<Come> {
        // Before it is looked whether there is something: afterwards there may be more.
        let fate = *self.fate.borrow_and_update();
        if fate.has_ended() && self.rest.is_none() {
            self.rest = Some(self.rest());
        }
        if let Some((0, _)) = self.mark {
            return Some(Come::AllThatWasThere);
        }
        let rest = self.rest.as_ref();
        if rest.is_some_and(|rest| rest.left == 0 && Instant::now() > rest.until) {
            return Some(Come::End);
        }
        if self.rest.is_none() && self.mark.is_none() {
            return None;
        }
        if let Some((number, length)) = self.read_now() {
            return Some(Come::Read(number, length));
        }
        if self.mark.is_some() {
            return Some(Come::AllThatWasThere);
        }
        let mut sources = self.sources.iter();
        let is_open = sources.any(|source| source.descriptor.is_some());
        (fate.is_gone() || !is_open).then_some(Come::End)
    }

    /// Reads what is output, which is shown to nobody any more, until nothing of the command runs.
    pub(super) async fn discard(&mut self) {
        loop {
            if self.fate.borrow_and_update().is_gone() {
                return;
            }
            let (sources, buffer) = (&mut self.sources, &mut self.buffer);
            tokio::select! {
                _ = read(sources, 0, buffer) => {}
                changed = self.fate.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn wait(&mut self) -> Come {
        let (sources, buffer) = (&mut self.sources, &mut self.buffer);
        tokio::select! {
            (number, length) = read(sources, self.first, buffer) => Come::Read(number, length),
            Ok(()) = self.stopped.changed() => Come::Stopped,
            Ok(()) = self.unread.changed() => Come::Unread,
            Ok(()) = self.fate.changed() => Come::Fate,
            () = sleep(QUIET), if self.rest.is_some() => Come::End,
            () = sleep(HELD_BACK), if self.may_hold => Come::HeldBack,
        }
    }

    /// What the first source that has something has: which, and how much.
    fn read_now(&mut self) -> Option<(usize, usize)> {
        let (sources, buffer) = (&mut self.sources, &mut self.buffer);
        let mut sources = sources.iter_mut().enumerate();
        sources.find_map(|(number, source)| Some((number, source.read_now(buffer)?)))
    }

    /// What there is to tell of what a source has read.
    fn piece(&mut self, number: usize, length: usize) -> Option<Piece> {
        self.first = number + 1;
        if let Some(rest) = &mut self.rest {
            rest.left = rest.left.saturating_sub(length as u64);
        }
        if let Some((left, _)) = &mut self.mark {
            *left = left.saturating_sub(length as u64);
        }
        let source = &mut self.sources[number];
        let stream = source.stream?;
        let bytes = &self.buffer[..length];
        let bytes = match &mut source.mapper {
            Some(mapper) if length > 0 => {
                self.may_hold = true;
                mapper.map(bytes).into()
            }
            Some(mapper) => mapper.flush().into(),
            None => Bytes::copy_from_slice(bytes),
        };
        (!bytes.is_empty()).then_some(Piece::Output(stream, bytes))
    }

    /// What a mapper holds back.
    fn flush(&mut self) -> Option<Piece> {
        for source in &mut self.sources {
            let (Some(mapper), Some(stream)) = (&mut source.mapper, source.stream) else {
                continue;
            };
            let bytes = mapper.flush();
            if !bytes.is_empty() {
                return Some(Piece::Output(stream, bytes.into()));
            }
        }
        self.may_hold = false;
        None
    }

    fn rest(&self) -> Rest {
        Rest {
            left: self.sources.iter().map(Source::waiting).sum(),
            until: Instant::now() + LONGEST_REST,
        }
    }
}

/// Reads from whichever has something first: which, and how much; 0 at its end.
async fn read(sources: &mut [Source], first: usize, buffer: &mut [u8]) -> (usize, usize) {
    poll_fn(|context| {
        for offset in 0..sources.len() {
            let number = (first + offset) % sources.len();
            if let Poll::Ready(length) = sources[number].poll_read(context, buffer) {
                return Poll::Ready((number, length));
            }
        }
        Poll::Pending
    })
    .await
}
