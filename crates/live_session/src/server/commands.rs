//! The commands that are typed here and run on the laptop.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connection::{Connection, State as Link};
use live::Bytes;
use live::commands::{Command, End, LARGEST_START, MOST_VARIABLES, News, Order, Start, WINDOW};
use live::message::ToLaptop;
use live::programs::Size;
use model::printable;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

mod queue;
mod running;
mod script;

use super::mounts::Mounts;
use crate::random;
use queue::Queue;
pub use queue::Told;
pub use running::RunningCommand;

/// How many wait at once for what was written before them to be on the laptop: a thread each.
const MOST_BEGINNING: usize = 64;

/// A command as it was typed here.
#[derive(Clone, PartialEq, Eq)]
pub struct Typed {
    /// Its name, without a directory.
    pub name: Bytes,
    /// The words behind that.
    pub arguments: Vec<Bytes>,
    /// Where: the path as the kernel has it, without links.
    pub directory: PathBuf,
    /// What of its environment comes along, name and value.
    pub environment: Vec<(Bytes, Bytes)>,
    /// Standard input, output and errors.
    pub streams: [End; 3],
    /// The size of its terminal, if any stream is one.
    pub size: Option<Size>,
    /// Which permissions the files that it makes do not get.
    pub umask: u32,
}

/// See the head of this file. Clones are the same.
#[derive(Clone)]
pub struct Commands {
    shared: Arc<Shared>,
}

struct Shared {
    connection: Connection<ToLaptop>,
    mounts: Arc<Mounts>,
    beginning: Semaphore,
    state: Mutex<State>,
}

struct State {
    /// Those that run on the laptop.
    names: BTreeSet<Bytes>,
    /// The number of the last one.
    last: u64,
    commands: HashMap<Command, Entry>,
    /// Why none can run on the laptop, if none can.
    hopeless: Option<String>,
    is_over: bool,
}

/// A command that has not ended.
struct Entry {
    phase: Phase,
    /// To who typed it.
    queue: Arc<Queue>,
    /// What has been said of it before it ran.
    held: Vec<Order>,
    /// How much of its output has come, and how much of that was seen.
    come: u64,
    seen: u64,
    /// How it has ended, when that is known but not yet what it has changed.
    ended: Option<News>,
    is_settled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The laptop knows nothing of it yet.
    Beginning,
    /// The laptop has been asked.
    Asked,
    /// The same, and nobody waits for it any more.
    Abandoned,
    /// It runs there.
    Running,
}

impl Commands {
    pub(super) fn new(connection: Connection<ToLaptop>, mounts: Arc<Mounts>) -> io::Result<Self> {
        let state = State {
            names: BTreeSet::new(),
            // What is said of an earlier agent's may still come.
            last: random()?,
            commands: HashMap::new(),
            hopeless: None,
            is_over: false,
        };
        let shared = Shared {
            connection,
            mounts,
            beginning: Semaphore::new(MOST_BEGINNING),
            state: Mutex::new(state),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Has a command run on the laptop, if it is to: what it is told first says so. Dropping what this gives ends it. Inside of
    /// a tokio runtime.
    #[must_use]
    pub fn start(&self, typed: Typed) -> RunningCommand {
        let queue = Arc::new(Queue::default());
        let command = self.shared.add(&typed, Arc::clone(&queue));
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move { shared.begin(command, typed).await });
        RunningCommand::new(command, Arc::clone(&self.shared), queue)
    }

    /// From now on commands of these names run on the laptop, and no others.
    pub(super) fn set_names(&self, names: &[String]) {
        let names = names
            .iter()
            .map(|name| Bytes::copy_from_slice(name.as_bytes()));
        self.shared.state().names = names.collect();
    }

    /// What the laptop says of one.
    pub(super) fn told(&self, command: Command, news: News) {
        self.shared.told(command, news);
    }

    /// The laptop was started anew: it knows of none that it was asked for.
    pub(super) fn begin_anew(&self) {
        let why = "the laptop's end of the session was started anew";
        let is_asked = |entry: &Entry| entry.phase != Phase::Beginning;
        for entry in self.shared.state().take(is_asked) {
            entry.queue.end(Told::Lost(why.to_owned()));
        }
    }

    /// The session has ended: so have all, and whatever comes from now on.
    pub(super) fn end(&self) {
        let why = "the session has ended";
        let mut state = self.shared.state();
        state.is_over = true;
        state.hopeless = Some(why.to_owned());
        for entry in state.take(|_| true) {
            entry.queue.end(Told::Lost(why.to_owned()));
        }
    }

    /// Gives up what runs when the connection has been lost for as long as `patience`, and whatever comes then until it is
    /// back. Never returns.
    pub(super) async fn lose_patience(
        &self,
        mut link: watch::Receiver<Link>,
        patience: Duration,
    ) -> Infallible {
        loop {
            let now = *link.borrow_and_update();
            let changed = match now {
                Link::Up { .. } => {
                    self.shared.set_hopeless(None);
                    link.changed().await
                }
                Link::Down { since } => match timeout_at(since + patience, link.changed()).await {
                    Ok(changed) => changed,
                    Err(_) => {
                        let long = in_words(patience);
                        let why = format!("there was no connection to the laptop for {long}");
                        self.shared.set_hopeless(Some(why));
                        link.changed().await
                    }
                },
            };
            if changed.is_err() {
                // The connection is gone, which ends the session too.
                return std::future::pending().await;
            }
        }
    }
}

/// What becomes of a command that was typed.
enum Verdict {
    /// The server's own is to run.
    Here,
    Refused(&'static str),
    /// The laptop is asked.
    Asked(Start),
}

impl Shared {
    fn add(&self, typed: &Typed, queue: Arc<Queue>) -> Command {
        let mut state = self.state();
        state.last = state.last.wrapping_add(1);
        let command = Command {
            number: state.last,
            has_terminal: typed.streams.contains(&End::Terminal),
        };
        let entry = Entry {
            phase: Phase::Beginning,
            queue,
            held: Vec::new(),
            come: 0,
            seen: 0,
            ended: None,
            is_settled: false,
        };
        state.commands.insert(command, entry);
        command
    }

    /// Asks the laptop, once it has everything that was written here before.
    async fn begin(&self, command: Command, typed: Typed) {
        match self.judge(typed).await {
            Verdict::Here => self.answer(command, Told::News(News::Here)),
            Verdict::Refused(message) => {
                let message = message.to_owned();
                let hint = "Put some of it into a file.".to_owned();
                let refused = News::Refused { message, hint };
                self.answer(command, Told::News(refused));
            }
            Verdict::Asked(start) => {
                // Closed by nobody.
                let _place = self.beginning.acquire().await;
                if self.is_hopeful(command) {
                    let mounts = Arc::clone(&self.mounts);
                    // Ends at the latest when files are given up.
                    drop(spawn_blocking(move || mounts.settle()).await);
                    self.ask(command, start);
                }
            }
        }
    }

    async fn judge(&self, typed: Typed) -> Verdict {
        if !self.state().names.contains(&typed.name) {
            return Verdict::Here;
        }
        let Some((root, directory)) = self.mounts.locate(&typed.directory) else {
            return Verdict::Here;
        };
        if let Some(script) = script::named(&typed.name, &typed.arguments) {
            let (mounts, script) = (Arc::clone(&self.mounts), script.to_owned());
            let is_own = move || script::is_own(&script, |path| mounts.locate(path).is_some());
            if spawn_blocking(is_own).await.unwrap_or_default() {
                return Verdict::Here;
            }
        }
        let start = Start {
            name: typed.name,
            arguments: typed.arguments,
            root,
            directory,
            environment: typed.environment,
            streams: typed.streams,
            size: typed.size,
            umask: typed.umask,
        };
        if start.memory() > LARGEST_START || start.environment.len() > MOST_VARIABLES {
            return Verdict::Refused("the words of the command are too long for the laptop");
        }
        Verdict::Asked(start)
    }

    /// Whether there is any use in waiting for what was written; who waits for it is told if not.
    fn is_hopeful(&self, command: Command) -> bool {
        let why = self.state().hopeless.clone();
        match why {
            None => true,
            Some(why) => {
                self.answer(command, Told::Lost(why));
                false
            }
        }
    }

    fn ask(&self, command: Command, start: Start) {
        let mut state = self.state();
        let Some(entry) = state.commands.get_mut(&command) else {
            return;
        };
        entry.phase = Phase::Asked;
        let order = Order::Start(Box::new(start));
        let said = self.connection.send(&ToLaptop::Command(command, order));
        if said.is_err() {
            let entry = state.commands.remove(&command);
            drop(state);
            if let Some(entry) = entry {
                let why = "the session has ended".to_owned();
                entry.queue.end(Told::Lost(why));
            }
        }
    }

    /// Tells the last thing of a command that the laptop does not run.
    fn answer(&self, command: Command, told: Told) {
        if let Some(entry) = self.state().commands.remove(&command) {
            entry.queue.end(told);
        }
    }

    fn told(self: &Arc<Self>, command: Command, news: News) {
        let mut state = self.state();
        let Some(entry) = state.commands.get_mut(&command) else {
            if news == News::Started {
                // Asked for between a laptop's end and our hearing of it: told as lost.
                self.say(command, Order::End);
            }
            return;
        };
        match (entry.phase, news) {
            (Phase::Beginning, _) => {}
            // It may overtake everything else.
            (_, News::Settled) => entry.is_settled = true,
            (Phase::Asked | Phase::Abandoned, News::Here) => state.end(command, News::Here),
            (Phase::Asked | Phase::Abandoned, News::Refused { message, hint }) => {
                let [message, hint] = [message, hint].map(|words| printable(&words));
                state.end(command, News::Refused { message, hint });
            }
            (Phase::Asked, News::Started) => {
                entry.phase = Phase::Running;
                entry.queue.push(Told::News(News::Started));
                for order in std::mem::take(&mut entry.held) {
                    self.say(command, order);
                }
            }
            (Phase::Abandoned, News::Started) => {
                state.commands.remove(&command);
                self.say(command, Order::End);
            }
            // Not what it may say now.
            (Phase::Asked | Phase::Abandoned, _) => {}
            (Phase::Running, news) => {
                if !entry.heard(news) {
                    let why = "the laptop says more of its output than was asked for";
                    self.lose(&mut state, command, why);
                }
            }
        }
        self.end_if_complete(&mut state, command);
    }

    /// Tells how a command has ended when that is known, and what it has changed shows here.
    fn end_if_complete(&self, state: &mut State, command: Command) {
        let entry = state.commands.get_mut(&command);
        let ended = entry
            .filter(|entry| entry.is_settled)
            .and_then(|entry| entry.ended.take());
        let Some(ended) = ended else {
            return;
        };
        let Some(entry) = state.commands.remove(&command) else {
            return;
        };
        let mounts = Arc::clone(&self.mounts);
        tokio::spawn(async move {
            drop(spawn_blocking(move || mounts.caught_up()).await);
            entry.queue.end(Told::News(ended));
        });
    }

    /// Says what follows of a command: now, or when it runs.
    fn order(&self, command: Command, order: Order) {
        let mut state = self.state();
        let Some(entry) = state.commands.get_mut(&command) else {
            return;
        };
        if let Order::Seen(seen) = order {
            entry.seen = seen;
        }
        if entry.phase == Phase::Running {
            self.say(command, order);
            return;
        }
        entry.held.push(order);
        let held: usize = entry.held.iter().map(held_memory).sum();
        if held as u64 > WINDOW {
            self.lose(&mut state, command, "more was typed than it can have read");
        }
    }

    /// Nobody waits for it any more.
    fn abandon(&self, command: Command) {
        let mut state = self.state();
        let Some(entry) = state.commands.get_mut(&command) else {
            return;
        };
        match entry.phase {
            Phase::Beginning => {}
            Phase::Asked => {
                entry.take_back();
                self.say(command, Order::TakenBack);
                return;
            }
            Phase::Abandoned => return,
            Phase::Running => self.say(command, Order::End),
        }
        state.commands.remove(&command);
    }

    /// Gives one up.
    fn lose(&self, state: &mut State, command: Command, why: &str) {
        let Some(entry) = state.commands.get_mut(&command) else {
            return;
        };
        entry.queue.end(Told::Lost(why.to_owned()));
        match entry.phase {
            Phase::Asked => {
                entry.take_back();
                self.say(command, Order::TakenBack);
                return;
            }
            Phase::Abandoned => return,
            Phase::Running => self.say(command, Order::End),
            Phase::Beginning => {}
        }
        state.commands.remove(&command);
    }

    fn set_hopeless(&self, why: Option<String>) {
        let mut state = self.state();
        if state.is_over {
            return;
        }
        if let Some(why) = &why {
            let commands: Vec<Command> = state.commands.keys().copied().collect();
            for command in commands {
                self.lose(&mut state, command, why);
            }
        }
        state.hopeless = why;
    }

    fn say(&self, command: Command, order: Order) {
        // Fails for a session that has ended.
        self.connection
            .send(&ToLaptop::Command(command, order))
            .ok();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, is_taken: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let taken = self
            .commands
            .extract_if(|_, entry| is_taken(entry))
            .map(|(_, entry)| entry);
        taken.collect()
    }

    fn end(&mut self, command: Command, news: News) {
        if let Some(entry) = self.commands.remove(&command) {
            entry.queue.end(Told::News(news));
        }
    }
}

impl Entry {
    /// Nothing is told of it any more. It stays until the laptop has said whether it runs.
    fn take_back(&mut self) {
        self.phase = Phase::Abandoned;
        self.held = Vec::new();
    }

    /// Takes what the laptop says of one that runs; `false` if it says too much.
    fn heard(&mut self, news: News) -> bool {
        match &news {
            News::Output { bytes, .. } => {
                self.come = self.come.saturating_add(bytes.len() as u64);
                if self.come.saturating_sub(self.seen) > WINDOW {
                    return false;
                }
            }
            News::Ended { .. } => {
                self.ended.get_or_insert(news);
                return true;
            }
            News::Here | News::Refused { .. } | News::Started | News::Settled => return true,
            News::Taken(_) | News::Stopped(_) | News::Continued => {}
        }
        // Nothing comes behind the end.
        self.ended.is_some() || self.queue.push(Told::News(news))
    }
}

/// What an order takes that waits, in bytes.
fn held_memory(order: &Order) -> usize {
    size_of::<Order>() + order.memory()
}

fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 120 => format!("{} minutes", seconds / 60),
        1 => "1 second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}
