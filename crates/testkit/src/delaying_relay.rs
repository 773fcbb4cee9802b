//! A long way between two machines: what stands in for a delay of the network's own (`tc netem`), which many kernels lack.

use crate::Host;
use rustix::net::{Shutdown, shutdown};
use std::io::{Read, Write};
use std::net::{self, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How much is read at once, in bytes.
const PIECE: usize = 16 << 10;
/// How many pieces may be on their way in each direction of a connection: 64 MiB, more than 600 MB/s at 100 ms.
const ON_THE_WAY: usize = 4096;
/// How long the other side may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes connections on one machine and carries each to an address that this machine reaches, every byte half a round trip
/// later than it came. A connection is there after a whole one, as TCP's are. How much goes through is not limited.
///
/// Dropping it has nobody connect any more; connections that are there last until either end closes them.
#[derive(Debug)]
pub struct DelayingRelay {
    listener: Arc<TcpListener>,
}

impl DelayingRelay {
    /// Listens at `at` in the network of `host`.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    #[track_caller]
    pub fn start(
        host: &Host,
        at: SocketAddr,
        to: SocketAddr,
        round_trip: Duration,
    ) -> DelayingRelay {
        // What a thread of that network starts is in it too.
        host.in_network(|| {
            let listener = TcpListener::bind(at).unwrap_or_else(|error| panic!("{at}: {error}"));
            let listener = Arc::new(listener);
            let accepting = Arc::clone(&listener);
            thread::spawn(move || {
                while let Ok((near, _)) = accepting.accept() {
                    thread::spawn(move || carry(&near, to, round_trip));
                }
            });
            DelayingRelay { listener }
        })
    }
}

impl Drop for DelayingRelay {
    fn drop(&mut self) {
        // Whoever waits to accept gets an error.
        shutdown(&*self.listener, Shutdown::Both).ok();
    }
}

/// A connection, to the end of both directions.
fn carry(near: &TcpStream, to: SocketAddr, round_trip: Duration) {
    thread::sleep(round_trip);
    let Ok(far) = TcpStream::connect_timeout(&to, PATIENCE) else {
        return;
    };
    for stream in [near, &far] {
        stream.set_nodelay(true).expect("a socket of TCP");
    }
    thread::scope(|scope| {
        for (from, to) in [(near, &far), (&far, near)] {
            let (sender, receiver) = sync_channel(ON_THE_WAY);
            scope.spawn(move || take(from, &sender, round_trip / 2));
            scope.spawn(move || give(from, to, &receiver));
        }
    });
}

/// What came, and when it is to arrive.
type Sent = (Instant, Vec<u8>);

/// Up to the end of the stream, which is sent as an empty piece; an error is an end.
fn take(mut from: &TcpStream, sender: &SyncSender<Sent>, delay: Duration) {
    let mut piece = [0; PIECE];
    loop {
        let length = from.read(&mut piece).unwrap_or(0);
        let sent = sender.send((Instant::now() + delay, piece[..length].to_vec()));
        if length == 0 || sent.is_err() {
            return;
        }
    }
}

fn give(from: &TcpStream, mut to: &TcpStream, receiver: &Receiver<Sent>) {
    for (due, piece) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if piece.is_empty() || to.write_all(&piece).is_err() {
            break;
        }
    }
    // Both fail for a connection that is gone. Whoever still sends learns that nobody hears it.
    to.shutdown(net::Shutdown::Write).ok();
    from.shutdown(net::Shutdown::Read).ok();
}
