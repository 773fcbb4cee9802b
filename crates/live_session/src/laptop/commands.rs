//! The commands that are typed on the server and run here.
//!
//! The server is not trusted: whatever it says, no more than so many commands wait, begin and run, and of each no more is
//! kept than so much. Every command has a task of its own; what takes messages waits for none of them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use connection::{Connection, State as Link};
use live::commands::{Command, News, Order, Start};
use live::message::ToServer;
use proxy::{Name, Names};
use publish::Service;
use publish::watch::Watcher;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

mod credit;
mod decision;
mod fate;
mod handle;
mod input;
mod life;
mod list;
mod options;
mod output;
mod pool;
mod published;
mod resolved;
mod search;
mod starting;
mod streams;
mod telling;
mod waiting;

use credit::Budget;
use handle::{Ending, Handle};
use input::Stock;
use list::List;
pub use list::OngoingCommand;
pub use options::{
    Approval, Approved, CommandLine, CommandLog, CommandOptions, LONGEST_WORDS, Outcome, Record,
};
use pool::Pool;
use published::Directories;
pub(super) use published::Published;
use resolved::search_path;
pub use search::find_program;
use starting::{Starting, typed};
use telling::Telling;
use waiting::Waiting;

/// How many commands begin at once.
const MOST_STARTING: usize = 8;
/// How many there are at once, with those of which only what they have started runs.
const MOST_RUNNING: usize = 512;
/// How many may wait to be told that they are refused, because too many wait. Whoever asks for more than these, and takes no
/// answers, is told nothing.
const MOST_REFUSED: usize = 4096;
/// How long what is told to end has for that: more than a runner gives it before it kills it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The commands. All are ended when this is dropped.
pub(super) struct Commands {
    shared: Arc<Shared>,
}

struct Shared {
    telling: Telling,
    link: watch::Receiver<Link>,
    service: Arc<Service>,
    watcher: Arc<Watcher>,
    changes: super::telling::Telling,
    budget: Arc<Budget>,
    stock: Arc<Stock>,
    waiting: Arc<Waiting>,
    refused: Arc<Semaphore>,
    /// How many run.
    running: watch::Sender<usize>,
    list: List,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    proxying: Option<Arc<Proxying>>,
    names: Arc<Names>,
    handles: HashMap<u64, Arc<Handle>>,
    /// Ends all when there is no connection for too long.
    guard: Option<JoinHandle<()>>,
    is_over: bool,
}

/// How commands run, once they do.
struct Proxying {
    options: CommandOptions,
    pool: Arc<Pool>,
    starting: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Commands {
    pub(super) fn new(
        connection: Connection<ToServer>,
        service: Arc<Service>,
        watcher: Arc<Watcher>,
        changes: super::telling::Telling,
    ) -> Self {
        let shared = Shared {
            link: connection.state(),
            telling: Telling::new(connection),
            service,
            watcher,
            changes,
            budget: Arc::default(),
            stock: Arc::default(),
            waiting: Arc::default(),
            refused: Arc::new(Semaphore::new(MOST_REFUSED)),
            running: watch::Sender::new(0),
            list: List::default(),
            state: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// From now on they run.
    pub(super) fn proxy(&self, options: CommandOptions) {
        let guarding = guard(Arc::clone(&self.shared), options.patience);
        let mut state = self.shared.state();
        if state.is_over {
            return;
        }
        if let Some(guard) = state.guard.replace(tokio::spawn(guarding)) {
            guard.abort();
        }
        state.names = Arc::new(options.names.clone());
        state.proxying = Some(Arc::new(Proxying {
            pool: Pool::new(options.runner.clone()),
            options,
            starting: Arc::new(Semaphore::new(MOST_STARTING)),
            running: Arc::new(Semaphore::new(MOST_RUNNING)),
        }));
    }

    /// Only commands of these names are begun from now on.
    pub(super) fn set_names(&self, names: Names) {
        self.shared.state().names = Arc::new(names);
    }

    /// What the server is told of that; `None` as long as none run.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        let state = self.shared.state();
        state.proxying.as_ref()?;
        Some(
            state
                .names
                .iter()
                .map(|(name, _)| name.to_string())
                .collect(),
        )
    }

    /// How many run, with those of which only what they have started does.
    pub(super) fn running(&self) -> usize {
        *self.shared.running.borrow()
    }

    /// Those that have not ended, in the order in which they began.
    pub(super) fn ongoing(&self) -> Vec<OngoingCommand> {
        self.shared.list.now()
    }

    /// What the names of the list run now, in their order; nothing as long as none run. Blocks.
    pub(super) fn find(&self, published: Vec<Published>) -> Vec<(Name, Option<PathBuf>)> {
        let Some(proxying) = self.shared.proxying() else {
            return Vec::new();
        };
        let path = search_path(&proxying.options.environment);
        let published = Directories::resolve(published);
        let names = self.shared.names();
        let found = names.iter().map(|(name, _)| {
            let program = search::find(name, path, &published);
            (name.clone(), program)
        });
        found.collect()
    }

    /// What the server says of one. Never waits.
    pub(super) fn told(
        &self,
        command: Command,
        order: Order,
        published: impl FnOnce() -> Vec<Published>,
    ) {
        match order {
            Order::Start(start) => self.start(command, *start, published()),
            order => {
                let handle = self.shared.state().handles.get(&command.number).cloned();
                if let Some(handle) = handle {
                    handle.told(order);
                }
            }
        }
    }

    fn start(&self, command: Command, start: Start, published: Vec<Published>) {
        let shared = Arc::clone(&self.shared);
        let Some(place) = shared.waiting.take(start.memory()) else {
            return shared.refuse(command, &start, &published);
        };
        let (budget, stock) = (Arc::clone(&shared.budget), Arc::clone(&shared.stock));
        let (handle, to_do) = Handle::new(command, budget, stock);
        {
            let mut state = shared.state();
            if state.is_over || state.handles.contains_key(&command.number) {
                return;
            }
            state.handles.insert(command.number, Arc::clone(&handle));
        }
        let known = Known {
            shared: Arc::clone(&shared),
            handle: Arc::clone(&handle),
        };
        let starting = Starting {
            shared,
            handle,
            to_do,
            start: Arc::new(start),
            published,
            place,
        };
        tokio::spawn(async move {
            starting.run().await;
            drop(known);
        });
    }

    /// The agent is another, which knows of no command.
    pub(super) fn begin_anew(&self) {
        self.shared.end_all(Ending::Unheard);
        // Those that the new one asks for have numbers of their own.
        self.shared.state().handles.clear();
    }

    /// Ends all, and waits until nothing of them runs; but no longer than that can take.
    pub(super) async fn end_all(&self) {
        let pool = self.shared.close(Ending::Asked);
        let ended = async {
            let mut running = self.shared.running.subscribe();
            // Fails for nothing: the sender is in there.
            drop(running.wait_for(|running| *running == 0).await);
            if let Some(pool) = pool {
                pool.close().await;
            }
        };
        // Whatever is left is killed by its runner.
        timeout(PATIENCE, ended).await.ok();
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.shared.close(Ending::Unheard);
    }
}

impl Shared {
    /// Nothing begins any more, and what runs is to end.
    fn close(&self, ending: Ending) -> Option<Arc<Pool>> {
        let proxying = {
            let mut state = self.state();
            state.is_over = true;
            if let Some(guard) = state.guard.take() {
                guard.abort();
            }
            state.proxying.take()
        };
        self.end_all(ending);
        proxying.map(|proxying| Arc::clone(&proxying.pool))
    }

    fn end_all(&self, ending: Ending) {
        for handle in self.state().handles.values() {
            handle.end(ending);
        }
    }

    fn proxying(&self) -> Option<Arc<Proxying>> {
        self.state().proxying.clone()
    }

    fn names(&self) -> Arc<Names> {
        Arc::clone(&self.state().names)
    }

    /// Waits until all that has changed until now is told.
    async fn settle(&self) {
        let (told, drained) = oneshot::channel();
        self.watcher.drain(move || {
            // Fails for nobody who matters: a session that has ended waits no longer.
            told.send(()).ok();
        });
        // Fails if nothing is watched any more.
        drained.await.ok();
        self.changes.settle().await;
    }

    /// There is no room for it.
    fn refuse(self: &Arc<Self>, command: Command, start: &Start, published: &[Published]) {
        let Ok(place) = Arc::clone(&self.refused).try_acquire_owned() else {
            return;
        };
        let message = "too many commands wait for the laptop".to_owned();
        if let Some(proxying) = self.proxying() {
            let (line, now) = (typed(start, published), SystemTime::now());
            let record = Record::refused(line, now, Duration::ZERO, message.clone());
            proxying.options.log.ended(record);
        }
        let hint = "Run fewer at once.".to_owned();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let news = News::Refused { message, hint };
            shared.telling.tell(command, news).await;
            drop(place);
        });
    }

    /// Another one runs, until that is dropped.
    fn count(self: &Arc<Self>) -> Running {
        self.running.send_modify(|running| *running += 1);
        Running(Arc::clone(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that runs.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.send_modify(|running| *running -= 1);
    }
}

/// One that the server may say something to.
struct Known {
    shared: Arc<Shared>,
    handle: Arc<Handle>,
}

impl Drop for Known {
    fn drop(&mut self) {
        let number = self.handle.command.number;
        let mut state = self.shared.state();
        let is_this = |known: &Arc<Handle>| Arc::ptr_eq(known, &self.handle);
        if state.handles.get(&number).is_some_and(is_this) {
            state.handles.remove(&number);
        }
    }
}

/// Ends all when there was no connection for so long.
async fn guard(shared: Arc<Shared>, patience: Duration) {
    let mut link = shared.link.clone();
    loop {
        let down = match *link.borrow_and_update() {
            Link::Up { .. } => None,
            Link::Down { since } => Some(since),
        };
        if let Some(since) = down {
            tokio::select! {
                () = sleep_until(since + patience) => shared.end_all(Ending::Asked),
                changed = link.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            }
        }
        if link.changed().await.is_err() {
            return;
        }
    }
}
