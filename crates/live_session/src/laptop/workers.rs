//! The threads that do what the server asks of files.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use connection::Connection;
use live::files::Request;
use live::message::{Message as _, ToServer};
use publish::Service;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

/// How many requests are done at once.
const WORKERS: usize = 8;
/// How many have come and are not answered; while there are as many, no more are taken from the connection, so that whoever
/// asks without end has this laptop keep no more than that.
pub(super) const UNDER_WAY: usize = 64;

/// What is to be done.
pub(super) struct Work {
    pub(super) number: u64,
    pub(super) request: Request,
    /// Held until the answer is on its way.
    pub(super) place: OwnedSemaphorePermit,
}

/// See the head of this file. The threads end with this.
pub(super) struct Workers {
    work: Sender<Work>,
}

impl Workers {
    pub(super) fn start(
        service: &Arc<Service>,
        connection: &Connection<ToServer>,
    ) -> io::Result<Self> {
        let (work, waiting) = mpsc::channel::<Work>();
        let (waiting, runtime) = (Arc::new(Mutex::new(waiting)), Handle::current());
        for _ in 0..WORKERS {
            let (service, connection) = (Arc::clone(service), connection.clone());
            let (waiting, runtime) = (Arc::clone(&waiting), runtime.clone());
            let thread = thread::Builder::new().name("files".to_owned());
            thread.spawn(move || {
                loop {
                    let next = waiting
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .recv();
                    let Ok(Work {
                        number,
                        request,
                        place,
                    }) = next
                    else {
                        return;
                    };
                    let outcome = service.execute(request);
                    let answer = ToServer::File(number, outcome);
                    let lane = answer.lane();
                    // Fails for a session that has ended.
                    connection.send(&answer).ok();
                    // The place is free when the answer is on its way: a server that takes none gets no more.
                    let connection = connection.clone();
                    runtime.spawn(async move {
                        connection.room(lane).await;
                        drop(place);
                    });
                }
            })?;
        }
        Ok(Self { work })
    }

    pub(super) fn give(&self, work: Work) {
        // Fails for nothing: the threads live as long as this.
        drop(self.work.send(work));
    }
}
