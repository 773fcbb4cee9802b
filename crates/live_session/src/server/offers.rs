//! Which directories the laptop wants mounted, and which of them only when somebody on this server asks.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connection::Connection;
use live::control::{Failure, Reply, Wanted};
use live::files::Root;
use live::message::ToLaptop;

use super::mounts::Mounts;
use crate::failure;

/// See the head of this file.
pub struct Offers {
    mounts: Arc<Mounts>,
    connection: Connection<ToLaptop>,
    /// Held while something is mounted or unmounted, which waits for the kernel and may wait for the laptop.
    turn: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wanted: BTreeMap<Root, Entry>,
    /// Somebody has asked, and has not had it unmounted since: what comes now is mounted at once.
    is_asked: bool,
}

struct Entry {
    wanted: Wanted,
    /// The number of the laptop's wish, which is answered anew at each change.
    wish: u64,
    failure: Option<Failure>,
}

/// A directory that the laptop wants mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What its mount point is called. The laptop's word: make it printable before it is shown.
    pub name: String,
    /// It is what the session is for.
    pub is_main: bool,
    /// Nothing in it can be changed from here.
    pub read_only: bool,
    /// It is mounted when somebody here asks for it.
    pub when_asked: bool,
    /// Where it is mounted, if it is.
    pub place: Option<PathBuf>,
    /// Why it could not be mounted.
    pub failure: Option<Failure>,
}

impl Offers {
    pub(super) fn new(mounts: Arc<Mounts>, connection: Connection<ToLaptop>) -> Self {
        Self {
            mounts,
            connection,
            turn: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// Does what the laptop's wish `wish` says, or keeps it.
    pub(super) fn want(&self, wish: u64, wanted: &Wanted) -> Result<Reply, Failure> {
        let _turn = self.turn();
        let root = wanted.root;
        let is_for_now = !wanted.when_asked || self.state().is_asked;
        let entry = Entry {
            wanted: wanted.clone(),
            wish,
            failure: None,
        };
        self.state().wanted.insert(root, entry);
        match is_for_now {
            true => self.mount_one(wanted),
            false => Ok(Reply::Offered),
        }
    }

    /// The laptop wants it no longer.
    pub(super) fn withdraw(&self, root: Root) {
        let _turn = self.turn();
        self.state().wanted.remove(&root);
        self.mounts.unmount(root);
    }

    /// Mounts whatever waits for it, and tells the laptop; where the main directory is. Waits for the kernel.
    ///
    /// # Errors
    /// If the laptop has wanted none yet, or the main one cannot be mounted.
    pub fn mount(&self) -> Result<PathBuf, Failure> {
        let _turn = self.turn();
        let mut main = Err(failure(
            "the laptop has not said yet what is to be mounted",
            "Try again in a moment.",
        ));
        for (root, wish, wanted) in self.all() {
            let was_mounted = self.mounts.point(root).is_some();
            let reply = self.mount_one(&wanted);
            if !was_mounted {
                self.tell(wish, reply.clone());
            }
            if wanted.is_main {
                main = reply;
            }
        }
        let place = main.and_then(|reply| match reply {
            Reply::Mounted(place) => Ok(OsString::from_vec(place.into()).into()),
            _ => Err(failure("the main directory is not mounted", "")),
        })?;
        self.state().is_asked = true;
        Ok(place)
    }

    /// Unmounts what was mounted because somebody asked, and tells the laptop. What was written through it is the laptop's
    /// when this returns, which waits for that. Each waits to be asked for again then.
    ///
    /// # Errors
    /// If nothing here is mounted because somebody asked for it.
    pub fn unmount(&self) -> Result<(), Failure> {
        let _turn = self.turn();
        let mut all = self.all();
        all.retain(|(_, _, wanted)| wanted.when_asked);
        if all.is_empty() {
            return Err(failure(
                "this session is mounted as long as it lasts",
                "End it on the laptop: cs stop",
            ));
        }
        self.state().is_asked = false;
        for (root, wish, _) in all {
            if self.mounts.point(root).is_some() {
                self.mounts.take_off(root);
                self.tell(wish, Ok(Reply::Offered));
            }
        }
        Ok(())
    }

    /// Tells the laptop of mounts that have ended by themselves.
    pub(super) fn look_for_lost(&self) {
        let _turn = self.turn();
        for (root, wish, _) in self.all() {
            let Some(failure) = self.mounts.take_lost(root) else {
                continue;
            };
            if let Some(entry) = self.state().wanted.get_mut(&root) {
                entry.failure = Some(failure.clone());
            }
            self.tell(wish, Err(failure));
        }
    }

    /// All that the laptop wants.
    #[must_use]
    pub fn list(&self) -> Vec<Offer> {
        let state = self.state();
        let entries = state.wanted.iter();
        let offers = entries.map(|(root, entry)| Offer {
            name: entry.wanted.name.clone(),
            is_main: entry.wanted.is_main,
            read_only: entry.wanted.read_only,
            when_asked: entry.wanted.when_asked,
            place: self.mounts.point(*root),
            failure: entry.failure.clone(),
        });
        offers.collect()
    }

    fn all(&self) -> Vec<(Root, u64, Wanted)> {
        let state = self.state();
        let entries = state.wanted.iter();
        entries
            .map(|(root, entry)| (*root, entry.wish, entry.wanted.clone()))
            .collect()
    }

    fn mount_one(&self, wanted: &Wanted) -> Result<Reply, Failure> {
        let mounted = self.mounts.mount(wanted);
        if let Some(entry) = self.state().wanted.get_mut(&wanted.root) {
            entry.failure = mounted.as_ref().err().cloned();
        }
        mounted.map(Reply::Mounted)
    }

    fn tell(&self, wish: u64, reply: Result<Reply, Failure>) {
        // Fails for a session that has ended.
        self.connection.send(&ToLaptop::Control(wish, reply)).ok();
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
