//! A program without terminal, and the one who holds the other ends of its pipes.

use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use live::Bytes;
use live::programs::{Ended, LARGEST_PIECE, Output, Stream, Viewer, WINDOW};
use rustix::io::ioctl_fionread;
use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::process::{Pipes, Process};
use super::telling::Telling;
use super::typed::{Taking, Typed};
use super::{milliseconds, now};

/// How long a program may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(5);
/// When a program has ended but another holds its pipes, its output counts as read after this long without any…
const QUIET: Duration = Duration::from_millis(100);
/// …and after this long in any case, but for what was there when it ended.
const LONGEST_REST: Duration = Duration::from_secs(2);

/// A running program. Clones are the same.
#[derive(Clone)]
pub(super) struct Piped {
    orders: UnboundedSender<Order>,
    pub(super) pace: Arc<Pace>,
    ended: watch::Receiver<Option<Ended>>,
}

enum Order {
    Signal(Signal),
    End,
}

/// How much its viewer has seen.
#[derive(Default)]
pub(super) struct Pace {
    seen: AtomicU64,
    changed: Notify,
    gone: Notify,
}

impl Piped {
    /// Has it run. What is typed comes in `typed`.
    pub(super) fn run(
        process: Process,
        pipes: Pipes,
        viewer: Viewer,
        typed: UnboundedReceiver<Typed>,
        telling: Telling,
        after: impl FnOnce() + Send + 'static,
    ) -> Self {
        let (orders, given) = unbounded_channel();
        let (ended, told) = watch::channel(None);
        let pace = Arc::new(Pace::default());
        let taking = Taking::new(viewer, telling.clone());
        let input = take(pipes.input, typed, taking);
        let exited = Arc::new(Notify::new());
        let told_of = Reading {
            output: Some(pipes.output),
            errors: Some(pipes.errors),
            buffers: [(); 2].map(|()| vec![0; LARGEST_PIECE]),
            sent: 0,
            rest: None,
        };
        let output = told_of.tell_all(
            viewer,
            telling.clone(),
            Arc::clone(&pace),
            Arc::clone(&exited),
        );
        tokio::spawn(async move {
            let (code, signal) = supervise(process, given, input, output, &exited).await;
            let at = milliseconds(now());
            ended.send_replace(Some(Ended { code, signal, at }));
            telling.tell(viewer, Output::Ended { code, signal }).await;
            after();
        });
        Self {
            orders,
            pace,
            ended: told,
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        // Fails for one that has ended.
        self.orders.send(Order::Signal(signal)).ok();
    }

    pub(super) fn end(&self) {
        self.orders.send(Order::End).ok();
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        *self.ended.borrow()
    }

    pub(super) async fn wait(&self) {
        // Fails if its task is gone, and it with that.
        drop(self.ended.clone().wait_for(Option::is_some).await);
    }
}

impl Pace {
    pub(super) fn seen(&self, after: u64) {
        self.seen.fetch_max(after, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Nobody holds the other ends.
    pub(super) fn detach(&self) {
        self.gone.notify_one();
    }

    /// Waits until more than so much may be said.
    async fn room(&self, sent: u64) {
        while sent.saturating_sub(self.seen.load(Ordering::Relaxed)) >= WINDOW {
            self.changed.notified().await;
        }
    }
}

/// Until it has ended and its output has been told.
async fn supervise(
    mut process: Process,
    mut orders: UnboundedReceiver<Order>,
    input: impl Future<Output = ()>,
    output: impl Future<Output = ()>,
    exited: &Notify,
) -> super::process::Status {
    let (mut input, mut output) = (pin!(input), pin!(output));
    let (mut is_fed, mut is_told, mut has_exited) = (false, false, false);
    let mut kill_at = None;
    while !(has_exited && is_told) {
        tokio::select! {
            () = &mut input, if !is_fed => is_fed = true,
            () = &mut output, if !is_told => is_told = true,
            () = process.ended(), if !has_exited => {
                has_exited = true;
                exited.notify_one();
            }
            Some(order) = orders.recv() => match order {
                Order::Signal(signal) => process.signal(signal),
                Order::End => {
                    process.signal(Signal::TERM);
                    // What is stopped would not see it.
                    process.signal(Signal::CONT);
                    kill_at.get_or_insert(Instant::now() + PATIENCE);
                }
            },
            () = until(kill_at), if kill_at.is_some() => {
                process.signal(Signal::KILL);
                kill_at = Some(Instant::now() + PATIENCE);
            }
        }
    }
    if kill_at.is_some() {
        // Of those that were to end with it, whoever has not.
        process.signal(Signal::KILL);
    }
    process.reap()
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Writes what is typed. Once the program does not read any more, it is taken all the same: nobody is to wait.
async fn take(input: ChildStdin, mut typed: UnboundedReceiver<Typed>, mut taking: Taking) {
    let mut input = Some(input);
    while let Some(next) = typed.recv().await {
        match next {
            Typed::Bytes(bytes) => {
                if let Some(pipe) = &mut input
                    && pipe.write_all(&bytes).await.is_err()
                {
                    input = None;
                }
                taking.took(bytes.len());
            }
            Typed::End => input = None,
        }
    }
}

/// What is read from a program's pipes.
struct Reading {
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    /// What each is read to.
    buffers: [Vec<u8>; 2],
    /// What was told, in bytes.
    sent: u64,
    /// Once the program has ended.
    rest: Option<Rest>,
}

/// What may still come of a program that has ended.
struct Rest {
    /// What was there when it did, in bytes.
    left: u64,
    until: Instant,
}

impl Reading {
    /// Tells everything, as fast as it is seen, until there is nothing more or nobody looks.
    async fn tell_all(
        mut self,
        viewer: Viewer,
        telling: Telling,
        pace: Arc<Pace>,
        exited: Arc<Notify>,
    ) {
        let telling = async {
            loop {
                pace.room(self.sent).await;
                let Some((stream, bytes)) = self.next(&exited).await else {
                    return;
                };
                self.sent += bytes.len() as u64;
                let after = self.sent;
                telling
                    .tell(
                        viewer,
                        Output::Bytes {
                            stream,
                            bytes,
                            after,
                        },
                    )
                    .await;
            }
        };
        tokio::select! {
            () = telling => {}
            () = pace.gone.notified() => {}
        }
    }

    /// The next piece.
    async fn next(&mut self, exited: &Notify) -> Option<(Stream, Bytes)> {
        loop {
            if self.output.is_none() && self.errors.is_none() || self.is_enough() {
                return None;
            }
            let [from_output, from_errors] = &mut self.buffers;
            let (stream, length) = tokio::select! {
                length = read(&mut self.output, &mut from_output[..]) => (Stream::Out, length),
                length = read(&mut self.errors, &mut from_errors[..]) => (Stream::Err, length),
                () = exited.notified(), if self.rest.is_none() => {
                    self.rest = Some(self.rest());
                    continue;
                }
                () = sleep(QUIET), if self.rest.is_some() => return None,
            };
            if let Some(rest) = &mut self.rest {
                rest.left = rest.left.saturating_sub(length as u64);
            }
            let bytes = match stream {
                Stream::Out => &from_output[..length],
                Stream::Err => &from_errors[..length],
            };
            match (bytes, stream) {
                ([], Stream::Out) => self.output = None,
                ([], Stream::Err) => self.errors = None,
                (bytes, stream) => return Some((stream, Bytes::copy_from_slice(bytes))),
            }
        }
    }

    fn rest(&self) -> Rest {
        Rest {
            left: waiting(self.output.as_ref()) + waiting(self.errors.as_ref()),
            until: Instant::now() + LONGEST_REST,
        }
    }

    fn is_enough(&self) -> bool {
        let rest = self.rest.as_ref();
        rest.is_some_and(|rest| rest.left == 0 && Instant::now() > rest.until)
    }
}

/// How much a pipe holds, in bytes.
fn waiting(pipe: Option<&impl AsFd>) -> u64 {
    pipe.map_or(0, |pipe| ioctl_fionread(pipe).unwrap_or_default())
}

/// Reads what there is; 0 at the end, which a pipe that cannot be read is at.
async fn read(pipe: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match pipe {
        Some(pipe) => pipe.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}
