//! `Files` of this machine.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use live::files::{Outcome, Request};
use mount::{Answer, Files};
use publish::{Limits, Service};

use super::ROOT;

const THREADS: usize = 6;

type Wanted = Box<dyn Fn(&Request) -> bool + Send>;

pub(crate) struct LocalFiles {
    service: Arc<Service>,
    queue: Mutex<Option<Sender<(Request, Answer)>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    shared: Arc<Shared>,
}

struct Shared {
    delay: Duration,
    counts: Mutex<HashMap<String, usize>>,
    held: Mutex<Held>,
    random: AtomicU64,
}

/// Answers that are not given yet.
#[derive(Default)]
struct Held {
    /// Which are held.
    wanted: Option<Wanted>,
    answers: Vec<(Answer, Outcome)>,
}

impl LocalFiles {
    pub(crate) fn start(directory: &Path, delay: Duration, read_only: bool) -> Arc<LocalFiles> {
        let service = Arc::new(Service::new(Limits::default()));
        service.publish(ROOT, directory, read_only).unwrap();
        let (sender, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let (counts, held) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared {
            delay,
            counts,
            held,
            random: AtomicU64::new(88_172_645_463_325_252),
        });
        let start = |_| {
            let (service, receiver, shared) = (
                Arc::clone(&service),
                Arc::clone(&receiver),
                Arc::clone(&shared),
            );
            thread::spawn(move || work(&service, &receiver, &shared))
        };
        let threads = Mutex::new((0..THREADS).map(start).collect());
        Arc::new(LocalFiles {
            service,
            queue: Mutex::new(Some(sender)),
            threads,
            shared,
        })
    }

    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// How often something was asked, by the name of the request.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.shared
            .counts
            .lock()
            .unwrap()
            .get(name)
            .copied()
            .unwrap_or(0)
    }

    /// How often anything was asked but to close.
    pub(crate) fn total(&self) -> usize {
        let counts = self.shared.counts.lock().unwrap();
        counts
            .iter()
            .filter(|(name, _)| *name != "Close")
            .map(|(_, count)| count)
            .sum()
    }

    pub(crate) fn counts(&self) -> HashMap<String, usize> {
        self.shared.counts.lock().unwrap().clone()
    }

    /// The same without closing, for which nobody waits.
    pub(crate) fn waited_for(&self) -> HashMap<String, usize> {
        let mut counts = self.counts();
        counts.remove("Close");
        counts
    }

    /// Executes such requests, but keeps their answers until they are let go.
    #[must_use = "they are let go when it is dropped"]
    pub(crate) fn hold(&self, wanted: impl Fn(&Request) -> bool + Send + 'static) -> Holding<'_> {
        self.shared.held.lock().unwrap().wanted = Some(Box::new(wanted));
        Holding(self)
    }

    /// How many answers are held.
    pub(crate) fn held(&self) -> usize {
        self.shared.held.lock().unwrap().answers.len()
    }

    pub(crate) fn let_go(&self) {
        let held = std::mem::take(&mut *self.shared.held.lock().unwrap());
        held.answers
            .into_iter()
            .for_each(|(answer, outcome)| answer(outcome));
    }

    /// Ends the threads.
    pub(crate) fn stop(&self) {
        drop(self.queue.lock().unwrap().take());
        for thread in self.threads.lock().unwrap().drain(..) {
            drop(thread.join());
        }
    }
}

/// While answers are held.
pub(crate) struct Holding<'a>(&'a LocalFiles);

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

impl Files for LocalFiles {
    fn ask(&self, request: Request, answer: Answer) {
        if let Some(queue) = &*self.queue.lock().unwrap() {
            drop(queue.send((request, answer)));
        }
    }
}

fn work(service: &Service, receiver: &Mutex<Receiver<(Request, Answer)>>, shared: &Shared) {
    loop {
        let next = receiver.lock().unwrap().recv();
        let Ok((request, answer)) = next else { return };
        let debug = format!("{request:?}");
        let name = debug
            .split(|character: char| !character.is_alphanumeric())
            .next()
            .unwrap()
            .to_owned();
        *shared.counts.lock().unwrap().entry(name).or_default() += 1;
        let is_held = shared
            .held
            .lock()
            .unwrap()
            .wanted
            .as_ref()
            .is_some_and(|wanted| wanted(&request));
        let outcome = service.execute(request);
        if is_held {
            shared.held.lock().unwrap().answers.push((answer, outcome));
            continue;
        }
        thread::sleep(shared.random_part());
        answer(outcome);
    }
}

impl Shared {
    fn random_part(&self) -> Duration {
        let next = self
            .random
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9);
        self.delay
            .mul_f64((next >> 11) as f64 / (1_u64 << 53) as f64)
    }
}
