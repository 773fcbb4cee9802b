//! A file whose name the laptop has given to another, while it was being opened here without the laptop having been asked.

use std::sync::Arc;

use live::files::{ErrorNumber, Handle, Kind, Outcome, Place, Request};

use crate::errors;
use crate::nodes::GUESSES;
use crate::opened::{How, OnLaptop, OpenId};
use crate::outcomes::opened;
use crate::pending::Waiter;
use crate::shared::Shared;

impl Shared {
    /// Opens, in the place of one that was opened here a moment ago and is not there, the file that has taken its name on the
    /// laptop: that it has was not known by then. Only for who asks what it is like: who reads without having asked would
    /// take what is in the one for as long as the other.
    pub(crate) fn follow<T>(self: &Arc<Self>, waiter: Waiter, id: OpenId, then: T)
    where
        T: FnOnce(&Arc<Self>, Result<Handle, ErrorNumber>) + Send + 'static,
    {
        let Some(request) = self.successor(id) else {
            return then(self, Err(errors::STALE));
        };
        self.ask(waiter, request, move |shared, outcome| {
            let handle = shared.file_of(outcome);
            let waiting = shared.opened_on_laptop(id, handle);
            let is_kept = waiting.is_some();
            let waiting = waiting.into_iter().flatten();
            waiting.for_each(|then| then(Err(errors::STALE)));
            then(
                shared,
                handle.and_then(|handle| is_kept.then_some(handle).ok_or(errors::STALE)),
            );
        });
    }

    /// What opens it. What is found of it is not taken down, as it is another.
    fn successor(&self, id: OpenId) -> Option<Request> {
        let mut table = self.table();
        let open = table.opened.get(id).filter(|open| open.is_new())?;
        let (node, How::File(opening)) = (open.node, open.how) else {
            return None;
        };
        let mut guesses = 0..=GUESSES;
        let place = guesses.find_map(|guess| table.nodes.place(node, guess))?;
        table.opened.get_mut(id)?.on_laptop = OnLaptop::Asked(Vec::new());
        let place = Place {
            identity: None,
            ..place
        };
        Some(Request::Open(place, opening))
    }

    /// What was opened, if it is a file.
    fn file_of(&self, outcome: Outcome) -> Result<Handle, ErrorNumber> {
        let (handle, attributes) = opened(outcome)?;
        if attributes.kind == Kind::File {
            return Ok(handle);
        }
        self.close(handle);
        Err(errors::STALE)
    }
}
