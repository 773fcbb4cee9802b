//! The threads that do what the server asks of files.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{io, thread};

use connection::Connection;
use live::files::{Place, Request, Target};
use live::message::{Message as _, ToServer, is_up_to};
use publish::Service;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

/// How many requests are done at once.
const WORKERS: usize = 8;
/// How many the threads have, or have done without the answer being on its way.
pub(super) const UNDER_WAY: usize = 64;
/// How many more may have come, and how much those take, in bytes. While it is as much, nothing more is taken from the
/// connection, so that whoever asks without end has this laptop keep no more than that. It is a lot, so that what programs
/// output does not wait behind files.
const MOST_WAITING: usize = 4096;
const MOST_BYTES_WAITING: usize = 16 << 20;

/// What is to be done.
struct Work {
    number: u64,
    request: Request,
    /// Held until the answer is on its way.
    place: OwnedSemaphorePermit,
}

/// What has come and has no place yet.
#[derive(Default)]
pub(super) struct Waiting {
    requests: VecDeque<(u64, Request)>,
    /// What they take beside their numbers.
    bytes: usize,
    /// The last that was given up.
    given_up: Option<u64>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.requests.len() >= MOST_WAITING || self.bytes >= MOST_BYTES_WAITING
    }

    /// Unless it was given up.
    pub(super) fn add(&mut self, number: u64, request: Request) {
        if self
            .given_up
            .is_some_and(|last| has_failed(number, &request, last))
        {
            return;
        }
        self.bytes += size(&request);
        self.requests.push_back((number, request));
    }

    /// All up to this number have failed, as those who asked were told: they get no answer, and nothing is done any more but
    /// what was to be closed.
    pub(super) fn give_up(&mut self, last: u64) {
        self.given_up = Some(last);
        self.requests
            .retain(|(number, request)| !has_failed(*number, request, last));
        self.bytes = self.requests.iter().map(|(_, request)| size(request)).sum();
    }

    /// Gives the first to a thread.
    pub(super) fn give(&mut self, place: OwnedSemaphorePermit, workers: &Workers) {
        if let Some((number, request)) = self.requests.pop_front() {
            self.bytes -= size(&request);
            workers.give(Work {
                number,
                request,
                place,
            });
        }
    }
}

fn has_failed(number: u64, request: &Request, last: u64) -> bool {
    is_up_to(number, last) && !matches!(request, Request::Close(_))
}

/// What it takes beside its numbers, in bytes. The match has no wildcard: what a new request has must count, too.
fn size(request: &Request) -> usize {
    use Request as R;
    let of = |place: &Place| size_of::<Place>() + place.path.as_bytes().len();
    let of_target = |target: &Target| match target {
        Target::Place(place) => of(place),
        Target::Handle(_) => 0,
    };
    match request {
        R::Attributes(target) | R::SetAttributes(target, _) | R::ExtendedAttributes(target) => {
            of_target(target)
        }
        R::ReadLink(place)
        | R::MakeDirectory { place, .. }
        | R::MakeNode { place, .. }
        | R::Remove(place)
        | R::RemoveDirectory(place)
        | R::Open(place, _)
        | R::Create { place, .. }
        | R::OpenDirectory(place)
        | R::Space(place) => of(place),
        R::AddName { of: one, place } => of(one) + of(place),
        R::Rename { from, to, .. } => of(from) + of(to),
        R::MakeLink { place, target } => of(place) + target.len(),
        R::ExtendedAttribute { target, name } | R::RemoveExtendedAttribute { target, name } => {
            of_target(target) + name.len()
        }
        R::SetExtendedAttribute {
            target,
            name,
            value,
            ..
        } => of_target(target) + name.len() + value.len(),
        R::ReadTree(places) | R::ReadFiles(places) => places.iter().map(of).sum(),
        R::Write { bytes, .. } | R::WriteAndSet { bytes, .. } => bytes.len(),
        R::ReadDirectory { .. }
        | R::Read { .. }
        | R::Sync { .. }
        | R::Close(_)
        | R::Allocate { .. }
        | R::Seek { .. }
        | R::Copy { .. }
        | R::TestLock(..)
        | R::SetLock(..) => 0,
    }
}

/// See the head of this file. The threads end with this.
pub(super) struct Workers {
    queue: Arc<Queue>,
}

impl Workers {
    pub(super) fn start(
        service: &Arc<Service>,
        connection: &Connection<ToServer>,
    ) -> io::Result<Self> {
        let workers = Self {
            queue: Arc::default(),
        };
        let runtime = Handle::current();
        for _ in 0..WORKERS {
            let (service, connection) = (Arc::clone(service), connection.clone());
            let (queue, runtime) = (Arc::clone(&workers.queue), runtime.clone());
            let thread = thread::Builder::new().name("files".to_owned());
            thread.spawn(move || {
                while let Some(work) = queue.next() {
                    work.execute(&service, &connection, &runtime);
                }
            })?;
        }
        Ok(workers)
    }

    fn give(&self, work: Work) {
        self.queue.lock().work.push_back(work);
        self.queue.more.notify_one();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.lock().is_over = true;
        self.queue.more.notify_all();
    }
}

impl Work {
    fn execute(self, service: &Service, connection: &Connection<ToServer>, runtime: &Handle) {
        let outcome = service.execute(self.request);
        let answer = ToServer::File(self.number, outcome);
        let lane = answer.lane();
        // Fails for a session that has ended.
        connection.send(&answer).ok();
        // The place is free when the answer is on its way: a server that takes none gets no more.
        if !connection.has_room(lane) {
            let (connection, place) = (connection.clone(), self.place);
            runtime.spawn(async move {
                connection.room(lane).await;
                drop(place);
            });
        }
    }
}

/// What is to be done. One thread is woken for each, and no other has to be before it can begin.
#[derive(Default)]
struct Queue {
    state: Mutex<Queued>,
    more: Condvar,
}

#[derive(Default)]
struct Queued {
    work: VecDeque<Work>,
    is_over: bool,
}

impl Queue {
    /// Waits for it; `None` when no more will come.
    fn next(&self) -> Option<Work> {
        let is_idle = |queued: &mut Queued| queued.work.is_empty() && !queued.is_over;
        let waited = self.more.wait_while(self.lock(), is_idle);
        let mut queued = waited.unwrap_or_else(PoisonError::into_inner);
        queued.work.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Queued> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use live::Bytes;
    use live::files::Handle;

    #[test]
    fn what_was_given_up_is_not_done_but_what_is_to_be_closed_is() {
        let write = |bytes: usize| Request::Write {
            handle: Handle(1),
            offset: 0,
            bytes: Bytes::from(vec![0; bytes]),
        };
        let close = || Request::Close(Handle(1));
        let mut waiting = Waiting::default();
        // The numbers begin anywhere.
        waiting.add(u64::MAX, write(10));
        waiting.add(0, close());
        waiting.add(1, write(100));
        waiting.add(2, write(1000));
        waiting.give_up(1);
        // What was on its way comes later, from before a cut.
        waiting.add(1, write(10));
        waiting.add(u64::MAX - 7, close());
        waiting.add(3, write(10_000));
        let numbers: Vec<u64> = waiting.requests.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [0, 2, u64::MAX - 7, 3]);
        assert_eq!(waiting.bytes, 11_000);
    }
}
