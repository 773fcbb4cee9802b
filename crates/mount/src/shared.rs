//! What all requests have in common: the tables, and how the laptop is asked.

use std::ffi::OsStr;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use live::RelativePath;
use live::files::{Attributes, Change, ErrorNumber, Handle, Outcome, Request, Root, Target};

use crate::attributes::Owners;
use crate::changes::{self, Invalidation, Meaning};
use crate::errors;
use crate::events::replay::Replay;
use crate::files::Files;
use crate::invalidator::Invalidator;
use crate::later::Later;
use crate::nodes::{Epoch, GUESSES, NodeId, Observed};
use crate::opened::{How, OnLaptop, OpenId, ThenHandle};
use crate::outcomes::opened_by;
pub(crate) use crate::outcomes::{attributes, bytes, count, done, opened, split};
use crate::pending::{Pending, Waiter};
use crate::settling::Meeting;
pub(crate) use crate::table::Table;
use crate::under_way::UnderWay;

/// A request that is made of a guess.
struct Asked {
    request: Request,
    asked: Epoch,
    /// Those that were made before.
    tried: Vec<Request>,
}

type ThenShared = Box<dyn FnOnce(&Arc<Shared>) + Send>;

/// One mount, for all threads.
pub(crate) struct Shared {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) root: Root,
    pub(crate) owners: Owners,
    pub(crate) pending: Arc<Pending>,
    pub(crate) invalidator: Invalidator,
    pub(crate) later: Later,
    pub(crate) replay: Arc<Replay>,
    pub(crate) table: Mutex<Table>,
    pub(crate) under_way: Arc<UnderWay>,
    pub(crate) meeting: Meeting,
}

impl Shared {
    /// To be held while nothing waits: see the crate's documentation.
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the laptop for `waiter`.
    pub(crate) fn ask<T>(self: &Arc<Self>, waiter: Waiter, request: Request, then: T)
    where
        T: FnOnce(&Arc<Self>, Outcome) + Send + 'static,
    {
        let shared = Arc::clone(self);
        let then = Box::new(move |outcome| then(&shared, outcome));
        let Some(answerer) = self.pending.wait(waiter, then) else {
            return;
        };
        let shared = Arc::clone(self);
        // Also when nobody waits for it any more.
        let begun = changes(&request).then(|| self.under_way.begin());
        let answer = move |outcome: Outcome| {
            let handle = opened_by(&outcome);
            if let (false, Some(handle)) = (answerer.answer(outcome), handle) {
                shared.close_written(handle);
            }
            drop(begun);
        };
        self.files.ask(request, Box::new(answer));
    }

    /// Asks for what `make` makes of the table and a guess where it is; for the next if it is not there, as after it was moved
    /// meanwhile.
    pub(crate) fn ask_at<M, T>(self: &Arc<Self>, waiter: Waiter, make: M, then: T)
    where
        M: Fn(&Table, usize) -> Result<Request, ErrorNumber> + Send + 'static,
        T: FnOnce(&Arc<Self>, Epoch, Outcome) + Send + 'static,
    {
        let (asked, request) = {
            let table = self.table();
            (table.nodes.now(), make(&table, 0))
        };
        match request {
            Ok(request) => self.ask_on(
                waiter,
                Asked {
                    request,
                    asked,
                    tried: Vec::new(),
                },
                make,
                then,
            ),
            Err(error) => then(self, asked, Err(error)),
        }
    }

    fn ask_on<M, T>(self: &Arc<Self>, waiter: Waiter, now: Asked, make: M, then: T)
    where
        M: Fn(&Table, usize) -> Result<Request, ErrorNumber> + Send + 'static,
        T: FnOnce(&Arc<Self>, Epoch, Outcome) + Send + 'static,
    {
        let Asked {
            request,
            asked,
            mut tried,
        } = now;
        let is_guess = !tried.is_empty();
        tried.push(request.clone());
        self.ask(waiter, request, move |shared, outcome| {
            let is_missing = matches!(outcome, Err(errors::NOT_FOUND | errors::STALE));
            match is_missing.then(|| shared.next(&make, tried)).flatten() {
                Some(next) => shared.ask_on(waiter, next, make, then),
                None => {
                    // It is elsewhere than what was read ahead says.
                    if is_guess {
                        shared.table().ahead.clear();
                    }
                    then(shared, asked, outcome);
                }
            }
        });
    }

    /// The next guess that has not been tried.
    fn next<M>(&self, make: &M, tried: Vec<Request>) -> Option<Asked>
    where
        M: Fn(&Table, usize) -> Result<Request, ErrorNumber>,
    {
        if tried.len() > GUESSES {
            return None;
        }
        let table = self.table();
        let guesses = (0..=GUESSES).filter_map(|guess| make(&table, guess).ok());
        let request = guesses.into_iter().find(|guess| !tried.contains(guess))?;
        Some(Asked {
            request,
            asked: table.nodes.now(),
            tried,
        })
    }

    /// Asks for something of a node; of what is open of it, if it is not found by its name.
    pub(crate) fn ask_node<M, T>(
        self: &Arc<Self>,
        waiter: Waiter,
        id: NodeId,
        through: Option<OpenId>,
        make: M,
        then: T,
    ) where
        M: Fn(Target) -> Request + Send + Clone + 'static,
        T: FnOnce(&Arc<Self>, Epoch, Outcome) + Send + 'static,
    {
        let make_again = make.clone();
        let make = move |table: &Table, guess| Ok(make(table.target(id, through, false, guess)?));
        self.ask_at(waiter, make, move |shared, asked, outcome| {
            let is_missing = matches!(outcome, Err(errors::NOT_FOUND | errors::STALE));
            let (handle, new) = {
                let table = shared.table();
                let opened = is_missing.then_some(&table.opened);
                let handle = opened.and_then(|opened| opened.handle_of(id, false));
                (handle, opened.and_then(|opened| opened.just_opened(id)))
            };
            let ask = move |shared: &Arc<Self>, handle: Result<Handle, ErrorNumber>| match handle {
                Ok(handle) => {
                    let request = make_again(Target::Handle(handle));
                    shared.ask(waiter, request, move |shared, outcome| {
                        then(shared, asked, outcome);
                    });
                }
                Err(_) => then(shared, asked, outcome),
            };
            match (handle, new) {
                (None, Some(new)) => shared.follow(waiter, new, ask),
                (handle, _) => ask(shared, handle.ok_or(errors::STALE)),
            }
        });
    }

    /// Gives `then` the laptop's number of what is open, after opening it there if that was not done yet.
    pub(crate) fn with_handle<T>(self: &Arc<Self>, waiter: Waiter, id: OpenId, then: T)
    where
        T: FnOnce(&Arc<Self>, Result<Handle, ErrorNumber>) + Send + 'static,
    {
        let shared = Arc::clone(self);
        let then: ThenHandle = Box::new(move |handle| then(&shared, handle));
        let mut table = self.table();
        let Some(open) = table.opened.get_mut(id) else {
            drop(table);
            return then(Err(errors::NOT_OPEN));
        };
        match &mut open.on_laptop {
            OnLaptop::Open(handle) => {
                let handle = *handle;
                drop(table);
                then(Ok(handle));
            }
            OnLaptop::Asked(waiting) => waiting.push(then),
            OnLaptop::NotYet => {
                open.on_laptop = OnLaptop::Asked(vec![then]);
                let (node, how) = (open.node, open.how);
                drop(table);
                self.open_on_laptop(waiter, id, node, how);
            }
        }
    }

    fn open_on_laptop(self: &Arc<Self>, waiter: Waiter, id: OpenId, node: NodeId, how: How) {
        let make = move |table: &Table, guess| open_request(table, node, how, guess);
        self.ask_at(waiter, make, move |shared, asked, outcome| {
            let opened = opened(outcome);
            if let Ok((_, attributes)) = &opened {
                shared.observed_unseen(node, attributes, asked);
            }
            let handle = opened.map(|(handle, _)| handle);
            let waiting = shared.opened_on_laptop(id, handle);
            let waiting = waiting.into_iter().flatten();
            waiting.for_each(|then| then(handle));
        });
    }

    /// Takes down what has come of opening it; who waits for that, or `None` if it was closed meanwhile.
    pub(crate) fn opened_on_laptop(
        &self,
        id: OpenId,
        handle: Result<Handle, ErrorNumber>,
    ) -> Option<Vec<ThenHandle>> {
        let waiting = self.table().opened.get_mut(id).map(|open| {
            let state = handle.map_or(OnLaptop::NotYet, OnLaptop::Open);
            std::mem::replace(&mut open.on_laptop, state)
        });
        if let Some(OnLaptop::Asked(waiting)) = waiting {
            return Some(waiting);
        }
        // Whoever was to use it has gone with it.
        if let Ok(handle) = handle {
            self.close(handle);
        }
        None
    }

    /// Does `then` when all that is open of the node is so on the laptop, or cannot be: its name is about to go.
    pub(crate) fn with_all_open<T>(self: &Arc<Self>, waiter: Waiter, node: Option<NodeId>, then: T)
    where
        T: FnOnce(&Arc<Self>) + Send + 'static,
    {
        let not_open = node.map_or_else(Vec::new, |node| self.table().opened.not_on_laptop(node));
        self.with_each_open(waiter, not_open, Box::new(then));
    }

    fn with_each_open(
        self: &Arc<Self>,
        waiter: Waiter,
        mut not_open: Vec<OpenId>,
        then: ThenShared,
    ) {
        match not_open.pop() {
            Some(id) => self.with_handle(waiter, id, move |shared, _| {
                shared.with_each_open(waiter, not_open, then);
            }),
            None => then(self),
        }
    }

    /// Takes down attributes that the kernel is not given: if they are news, it has to ask for them.
    pub(crate) fn observed_unseen(
        &self,
        node: NodeId,
        attributes: &Attributes,
        asked: Epoch,
    ) -> Observed {
        let observed = self.table().nodes.observe(node, attributes, asked);
        if observed == Observed::Different {
            self.invalidator.add([Invalidation::Node(node)]);
        }
        observed
    }

    /// The kernel has been given a name, and the node that it leads to, by what was asked for at `asked`: only now is it known
    /// what was told of them until it had them.
    pub(crate) fn given(&self, (parent, name): (NodeId, &OsStr), id: Option<NodeId>, asked: Epoch) {
        let table = self.table();
        let is_name_stale = table.nodes.is_name_stale(parent, name, asked);
        let is_stale = |id: &NodeId| table.nodes.is_stale(*id, asked);
        let stale = id.filter(is_stale);
        drop(table);
        if is_name_stale {
            let name = Invalidation::Name(parent, name.to_owned());
            self.invalidator.add([name]);
        }
        self.invalidator.add(stale.map(Invalidation::Node));
    }

    /// Closes something on the laptop. Nobody waits for that, not even the end of the mount.
    pub(crate) fn close(&self, handle: Handle) {
        self.files.ask(Request::Close(handle), Box::new(drop));
    }

    /// The same of a file that may be open to be written: as long as it is, nobody can run it.
    pub(crate) fn close_written(&self, handle: Handle) {
        let begun = self.under_way.begin();
        let closed = move |_| drop(begun);
        self.files.ask(Request::Close(handle), Box::new(closed));
    }

    /// Takes over what has changed on the laptop. What is left to be done: those who watch are to be told, and what is unclear
    /// looked at, after that.
    pub(crate) fn changed(&self, change: &Change) -> Meaning {
        let mut table = self.table();
        let mut meaning = match change {
            Change::At {
                root,
                path,
                attributes,
            } if *root == self.root => {
                // A directory that is known to be this one has what was read below it.
                if table.is_known(path, attributes.as_ref()) {
                    table.ahead.forget(path, false);
                } else {
                    table.ahead.changed(path, attributes.as_ref());
                }
                if let Some(attributes) = attributes {
                    let now = table.nodes.advance();
                    table.ahead.linked.told(attributes, now);
                }
                changes::at(&mut table.nodes, path, attributes.as_ref())
            }
            Change::Anything { root, path } if *root == self.root => {
                table.ahead.forget(path, true);
                changes::anything(&mut table.nodes, path)
            }
            Change::Watched { root, all } if *root == self.root && *all != table.is_watched => {
                table.is_watched = *all;
                table.ahead.clear();
                let mut meaning = changes::anything(&mut table.nodes, &RelativePath::root());
                if *all {
                    meaning.events.clear();
                }
                meaning
            }
            Change::At { .. } | Change::Anything { .. } | Change::Watched { .. } => {
                return Meaning::default();
            }
        };
        drop(table);
        self.invalidator.add(mem::take(&mut meaning.invalidations));
        meaning
    }

    /// Ends everything: nothing waits any more, and nothing stays open on the laptop.
    pub(crate) fn end(&self) {
        self.pending.close();
        let (mut handles, held) = {
            let mut table = self.table();
            (table.opened.take_handles(), table.writing.take_held())
        };
        for (_, held) in held {
            // Closing might be done first otherwise.
            let handle = held.through.handle;
            handles.retain(|other| *other != handle);
            let files = Arc::clone(&self.files);
            let close = move |_| files.ask(Request::Close(handle), Box::new(drop));
            self.files.ask(held.request(), Box::new(close));
        }
        handles.into_iter().for_each(|handle| self.close(handle));
        self.under_way.end();
        self.meeting.end();
        self.invalidator.end();
    }
}

/// Whether something may be another on the laptop after that.
fn changes(request: &Request) -> bool {
    match request {
        Request::Open(_, opening) => opening.truncate,
        Request::SetAttributes(..)
        | Request::MakeDirectory { .. }
        | Request::MakeNode { .. }
        | Request::MakeLink { .. }
        | Request::AddName { .. }
        | Request::Rename { .. }
        | Request::Remove(_)
        | Request::RemoveDirectory(_)
        | Request::Create { .. }
        | Request::Write { .. }
        | Request::WriteAndSet { .. }
        | Request::SetExtendedAttribute { .. }
        | Request::RemoveExtendedAttribute { .. }
        | Request::Allocate { .. }
        | Request::Copy { .. } => true,
        Request::Attributes(_)
        | Request::ReadLink(_)
        | Request::OpenDirectory(_)
        | Request::ReadDirectory { .. }
        | Request::Read { .. }
        | Request::Sync { .. }
        | Request::Close(_)
        | Request::Space(_)
        | Request::ExtendedAttribute { .. }
        | Request::ExtendedAttributes(_)
        | Request::Seek { .. }
        | Request::TestLock(..)
        | Request::SetLock(..)
        | Request::ReadTree(_)
        | Request::ReadFiles(_) => false,
    }
}

fn open_request(
    table: &Table,
    node: NodeId,
    how: How,
    guess: usize,
) -> Result<Request, ErrorNumber> {
    let place = table.nodes.place(node, guess).ok_or(errors::STALE)?;
    Ok(match how {
        How::File(opening) => Request::Open(place, opening),
        How::Directory => Request::OpenDirectory(place),
    })
}
