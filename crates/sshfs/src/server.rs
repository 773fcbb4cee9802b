//! Answers what sshfs asks: one thread takes the requests in, one gives the answers, and the laptop is asked for many at a
//! time, as `order` allows.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::Bytes;
use live::files::{self, ErrorNumber, Outcome, Root};
use mount::{Files, Options, Owners};
use rustix::io::Errno;

use crate::handles::Handles;
use crate::operations::{Concluded, Plan, Published, Then, conclude, plan};
use crate::order::{Claim, Order};
use crate::packets::{Came, LONGEST, Reply, Request, decode, encode, hello};
use crate::status::Status;

/// How many requests are taken and not answered yet; more are left in the stream. sshfs has 8 MiB of writes under way at
/// most, of 32 KiB each.
const MOST_UNDER_WAY: usize = 256;

/// Answers one stream until that ends, or this is dropped.
#[derive(Debug)]
pub struct Server {
    stream: UnixStream,
}

struct Shared {
    files: Arc<dyn Files>,
    published: Published,
    state: Mutex<State>,
    settled: Condvar,
    replies: Sender<Bytes>,
}

#[derive(Default)]
struct State {
    handles: Handles,
    order: Order,
    /// Those whose turn has not come.
    waiting: HashMap<u64, Turn>,
    last: u64,
}

/// A request, and what it is answered by.
struct Turn {
    id: u32,
    what: What,
}

enum What {
    Ask(files::Request, Then),
    NextPart(u64),
}

/// How many requests are under way.
#[derive(Default)]
struct Room {
    taken: Mutex<usize>,
    is_less: Condvar,
}

impl Server {
    /// Serves the published directory `root` on `stream`; `ended` is called when that has ended.
    ///
    /// # Errors
    /// If there can be no threads for it.
    pub fn start(
        stream: UnixStream,
        root: Root,
        files: Arc<dyn Files>,
        options: &Options,
        ended: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let (replies, receiver) = mpsc::channel();
        let shared = Arc::new(Shared {
            files,
            published: Published {
                root,
                owners: Owners::new(options.user, options.group),
                is_read_only: options.read_only,
            },
            state: Mutex::default(),
            settled: Condvar::new(),
            replies,
        });
        let room: Arc<Room> = Arc::default();
        let (input, output, freed) = (stream.try_clone()?, stream.try_clone()?, Arc::clone(&room));
        let named = || thread::Builder::new().name("sftp".to_owned());
        named().spawn(move || give(output, &receiver, &freed))?;
        named().spawn(move || {
            take(&input, &shared, &room);
            // Where what came makes no sense, nobody is to wait for an answer.
            input.shutdown(Shutdown::Both).ok();
            shared.end();
            ended();
        })?;
        Ok(Self { stream })
    }

    /// Hears nothing more. What was heard is still done, and what is open is closed then.
    pub fn end(&self) {
        // Fails where it has ended.
        self.stream.shutdown(Shutdown::Both).ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes requests in until the stream ends, or says something that cannot be told from the rest.
fn take(mut stream: &UnixStream, shared: &Arc<Shared>, room: &Room) {
    loop {
        let mut length = [0; 4];
        if stream.read_exact(&mut length).is_err() {
            return;
        }
        let length = u32::from_be_bytes(length);
        if !(1..=LONGEST).contains(&length) {
            return;
        }
        let mut packet = vec![0; length as usize];
        if stream.read_exact(&mut packet).is_err() {
            return;
        }
        room.take();
        match decode(packet.into()) {
            Came::Hello => shared.say(hello()),
            Came::Refused(id, status) => shared.say(encode(id, Reply::Status(status))),
            Came::Request(id, request) => shared.take(id, request),
        }
    }
}

/// Gives the answers. Where nobody takes them they are dropped.
fn give(mut stream: UnixStream, replies: &Receiver<Bytes>, room: &Room) {
    for reply in replies {
        // The other thread learns of the stream's end by itself.
        stream.write_all(&reply).ok();
        room.free();
    }
}

impl Room {
    fn take(&self) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self
            .is_less
            .wait_while(taken, |taken| *taken >= MOST_UNDER_WAY);
        *taken.unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn free(&self) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.is_less.notify_one();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, packet: Bytes) {
        // Fails for nothing: the thread ends after this.
        self.replies.send(packet).ok();
    }

    /// Does what is asked when its turn has come.
    fn take(self: &Arc<Self>, id: u32, request: Request) {
        let mut state = self.state();
        let planned = plan(request, &mut state.handles, self.published);
        let (claim, what) = match planned {
            Ok(Plan::Ask(claim, request, then)) => (claim, What::Ask(request, then)),
            Ok(Plan::NextPart(number)) => (Claim::Listing(number), What::NextPart(number)),
            Ok(Plan::Answer(reply)) => return self.say(encode(id, reply)),
            Err(status) => return self.say(encode(id, Reply::Status(status))),
        };
        state.last += 1;
        let number = state.last;
        let turn = Turn { id, what };
        if state.order.add(number, claim) {
            drop(state);
            self.begin(number, turn);
        } else {
            state.waiting.insert(number, turn);
        }
    }

    /// Its turn has come.
    fn begin(self: &Arc<Self>, number: u64, turn: Turn) {
        let (request, then) = match turn.what {
            What::Ask(request, then) => (request, then),
            What::NextPart(directory) => match self.next_part(directory) {
                Ok(request) => (request, Then::Part(directory)),
                Err(reply) => return self.finish(number, turn.id, reply),
            },
        };
        let answering = Answering {
            shared: Arc::clone(self),
            number,
            id: turn.id,
            then: Some(then),
        };
        let answer = Box::new(move |outcome| answering.answer(outcome));
        self.files.ask(request, answer);
    }

    /// What has to be asked for the next part of a directory, or that part.
    fn next_part(&self, directory: u64) -> Result<files::Request, Reply> {
        let mut state = self.state();
        let (handle, listing) = state.handles.directory(directory).map_err(Reply::Status)?;
        match listing.next() {
            Some(reply) => Err(reply),
            None => Ok(files::Request::ReadDirectory {
                handle,
                restart: false,
            }),
        }
    }

    /// Answers it, and begins those that waited for it.
    fn finish(self: &Arc<Self>, number: u64, id: u32, reply: Reply) {
        self.say(encode(id, reply));
        let mut state = self.state();
        let ready = state.order.finished(number);
        let turns: Vec<_> = ready
            .into_iter()
            .filter_map(|number| Some((number, state.waiting.remove(&number)?)))
            .collect();
        if state.order.is_empty() {
            self.settled.notify_all();
        }
        drop(state);
        for (number, turn) in turns {
            self.begin(number, turn);
        }
    }

    fn answered(self: &Arc<Self>, number: u64, id: u32, then: &Then, outcome: Outcome) {
        let concluded = match outcome {
            Ok(answer) => conclude(then, answer, &mut self.state().handles, self.published),
            Err(error) => Concluded::Reply(Reply::Status(error.into())),
        };
        let reply = match concluded {
            Concluded::Reply(reply) => reply,
            Concluded::Unwanted(handle) => {
                self.close(handle);
                Reply::Status(Status::NoMedia)
            }
        };
        self.finish(number, id, reply);
    }

    /// sshfs is gone. What it wrote is still done before its files are closed.
    fn end(&self) {
        let state = self.state();
        let settled = self
            .settled
            .wait_while(state, |state| !state.order.is_empty());
        let open = settled
            .unwrap_or_else(PoisonError::into_inner)
            .handles
            .end();
        for handle in open {
            self.close(handle);
        }
    }

    /// Nobody waits for that.
    fn close(&self, handle: files::Handle) {
        self.files
            .ask(files::Request::Close(handle), Box::new(|_| {}));
    }
}

/// The right to answer a request, once. Dropped without that, it is an error.
struct Answering {
    shared: Arc<Shared>,
    number: u64,
    id: u32,
    then: Option<Then>,
}

impl Answering {
    fn answer(mut self, outcome: Outcome) {
        self.give(outcome);
    }

    fn give(&mut self, outcome: Outcome) {
        if let Some(then) = self.then.take() {
            self.shared.answered(self.number, self.id, &then, outcome);
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let error = u16::try_from(Errno::IO.raw_os_error()).unwrap_or_default();
        self.give(Err(ErrorNumber(error)));
    }
}
