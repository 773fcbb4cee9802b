//! The server's side: a process that outlives each stream listens on a unix socket, and short-lived ones, which `sshd`
//! starts, hand it their standard input and output there, or copy them to and from it where those cannot be handed over.

mod handed;
mod place;

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::Duration;

use live::{Message, SILENCE};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{Connection, ConnectionError, Ended};
use handed::Handed;
use place::Place;

pub use place::PlaceError;

/// How long nobody is accepted after that failed: no descriptor is left, most often.
const PAUSE: Duration = Duration::from_millis(100);
/// How many streams there may be at once, with those that have said nothing yet.
const MOST: usize = 16;
/// How long the long-lived process has to hang up on one whose stream is gone.
const PARTING: Duration = Duration::from_secs(5);
/// How much is copied at once, in bytes.
const PIECE: usize = 64 << 10;

/// The long-lived process's socket. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    place: Place,
}

impl Socket {
    /// Listens at `name` in `directory`, which is made with mode 0700 if it is missing. A socket there that nobody listens
    /// on any more is replaced.
    ///
    /// # Errors
    /// If the directory is a link, somebody else's or open to others; if somebody listens there, or something else is in
    /// the place; or the system refuses.
    pub fn bind(directory: &Path, name: &str) -> Result<Self, PlaceError> {
        let mut place = Place::make(directory, name)?;
        let listener = place.listen()?;
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        Ok(Self { listener, place })
    }

    /// The next caller that is a process of this user's. Others are hung up on.
    ///
    /// # Errors
    /// If the system refuses: most often because no descriptor is left.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            if is_own(&stream) {
                return Ok(stream);
            }
        }
    }

    /// Runs `connection` over every stream that comes, the newest in the place of the one before as soon as something comes
    /// from it: a link that is half gone does not keep its successor out, and somebody who only looks whether anybody is
    /// there disturbs nothing.
    ///
    /// Streams that fail, also by another version or session, do not end this: the next is waited for.
    ///
    /// # Errors
    /// When the session has ended by a message that is none.
    pub async fn serve<Out: Message + 'static>(
        &self,
        connection: &Connection<Out>,
    ) -> Result<Ended, ConnectionError> {
        let mut streams = JoinSet::new();
        loop {
            if let Some(over) = connection.over() {
                return over;
            }
            tokio::select! {
                accepted = self.accept(), if streams.len() < MOST => match accepted {
                    Ok(stream) => drop(streams.spawn(take_over(connection.clone(), stream))),
                    Err(_) => sleep(PAUSE).await,
                },
                // Why a stream ended is of no use here: whoever made it is told by its end.
                Some(_) = streams.join_next() => {}
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.place.remove();
    }
}

async fn take_over<Out>(connection: Connection<Out>, stream: UnixStream) {
    match timeout(SILENCE, first_byte(&stream)).await {
        Ok(Some(byte)) if handed::is_handed(byte) => {
            if let Ok(given) = Handed::take(&stream) {
                run_while_there(&connection, given, &stream).await;
            }
        }
        // See `serve`.
        Ok(Some(_)) => drop(connection.run(stream).await),
        Ok(None) | Err(_) => {}
    }
}

/// Runs `connection` over `given` for as long as `giver`, from which it came, is there: who gave it ends with its `sshd`, and
/// with this.
async fn run_while_there<Out>(connection: &Connection<Out>, given: Handed, giver: &UnixStream) {
    tokio::select! {
        // It never says anything more: this is its end.
        _ = first_byte(giver) => {}
        () = run_when_spoken_to(connection, given) => {}
    }
}

async fn run_when_spoken_to<Out>(connection: &Connection<Out>, given: Handed) {
    if let Ok(Some(stream)) = timeout(SILENCE, given.spoken_to()).await {
        // See `serve`.
        drop(connection.run(stream).await);
    }
}

/// Waits until something comes, and leaves it there. `None` if nothing will.
async fn first_byte(stream: &UnixStream) -> Option<u8> {
    let look = || {
        let mut byte = [0];
        let (length, _) = rustix::net::recv(stream, &mut byte, RecvFlags::PEEK)?;
        Ok((length > 0).then_some(byte[0]))
    };
    stream.async_io(Interest::READABLE, look).await.ok()?
}

/// Connects to the socket `name` in `directory`, and makes sure that it is this user's process that listens there. Blocks
/// while too many are in its queue.
///
/// # Errors
/// As [`Socket::bind`]; [`io::ErrorKind::ConnectionRefused`] or [`io::ErrorKind::NotFound`] inside it if nobody listens.
pub fn connect(directory: &Path, name: &str) -> Result<std::os::unix::net::UnixStream, PlaceError> {
    let stream = Place::find(directory, name)?.connect()?;
    match is_own(&stream) {
        true => Ok(stream),
        false => Err(PlaceError::NotOwn),
    }
}

/// Joins this process's standard input and output to the socket `name` in `directory`, until the process there hangs up.
/// Blocks. They are handed over to that process if they are pipes or sockets, as `sshd`'s are; otherwise what comes is
/// copied. The last thing a process does: a thread may go on reading the standard input.
///
/// # Errors
/// As [`connect`], and if handing over or copying fails.
pub fn join_standard_streams(directory: &Path, name: &str) -> Result<(), PlaceError> {
    let socket = connect(directory, name)?;
    leave_when_nobody_listens(socket.try_clone()?)?;
    let (input, output) = (io::stdin(), io::stdout());
    let (input, output) = (input.as_fd(), output.as_fd());
    if handed::can_be(&input, &output) {
        handed::give(&socket, input, output)?;
        return Ok(until_hung_up(socket)?);
    }
    // Not Rust's own, which keep back what is no whole line.
    let input = File::from(input.try_clone_to_owned()?);
    let output = File::from(output.try_clone_to_owned()?);
    Ok(copy(socket, input, output)?)
}

/// The process at the other end says nothing to one that has handed over its stream.
fn until_hung_up(mut socket: std::os::unix::net::UnixStream) -> io::Result<()> {
    copy_at_once(&mut socket, &mut io::sink())
}

/// Ends the joining some time after nobody takes this process's standard output any more. The process at the other end of
/// `socket` hangs up then; one that is stopped does not, and has no use for one more of these with every attempt to reach it.
fn leave_when_nobody_listens(socket: std::os::unix::net::UnixStream) -> io::Result<()> {
    thread::Builder::new().spawn(move || {
        let output = io::stdout();
        // The system tells of errors and hang-ups, whatever is asked for.
        let mut ended = [PollFd::new(&output, PollFlags::empty())];
        while let Err(Errno::INTR) = poll(&mut ended, None) {}
        thread::sleep(PARTING);
        drop(socket.shutdown(Shutdown::Both));
    })?;
    Ok(())
}

/// Copies `input` to `socket` and `socket` to `output`, until the other end of `socket` hangs up or `output` takes no more.
/// Blocks. That `input` ends is told to the other end, which has five seconds to hang up then; a thread reads it until then.
///
/// # Errors
/// If copying to `output` fails.
pub fn copy(
    mut socket: std::os::unix::net::UnixStream,
    mut input: impl Read + Send + 'static,
    mut output: impl Write,
) -> io::Result<()> {
    let mut to_socket = socket.try_clone()?;
    thread::Builder::new().spawn(move || {
        // However it ended, no more comes.
        drop(copy_at_once(&mut input, &mut to_socket));
        drop(to_socket.shutdown(Shutdown::Write));
        thread::sleep(PARTING);
        drop(to_socket.shutdown(Shutdown::Both));
    })?;
    let copied = copy_at_once(&mut socket, &mut output);
    // The other thread may be writing to it.
    drop(socket.shutdown(Shutdown::Both));
    copied
}

/// Everything that was read is written before more is read.
fn copy_at_once(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                to.write_all(&buffer[..length])?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The other end hung up with something unread: nothing more than an end.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Whether the process at the other end was this user's when it connected or began to listen.
fn is_own(stream: &impl AsFd) -> bool {
    getsockopt(stream, PeerCredentials)
        .is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}

/// Where the path of an open directory leads, whatever has become of its name.
fn path_of(directory: &OwnedFd, name: &str) -> std::path::PathBuf {
    use std::os::fd::AsRawFd as _;
    format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()).into()
}
