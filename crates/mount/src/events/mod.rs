//! What programs of the server that watch files (`inotify(7)`) are to be told of the laptop's changes.
//!
//! The kernel tells them of what is done through the mount, and of nothing else. So one thread does once more what was
//! done on the laptop, and the mount answers that without asking or changing anything: see [`replay`]. This here is pure.

pub(crate) mod own;
pub(crate) mod replay;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;

use live::files::{Attributes, Identity, Kind};

use crate::nodes::{Epoch, News, NodeId, Nodes};

/// How many events wait at most. What comes when there are as many is not told.
const MOST: usize = 16 << 10;

/// A name in a directory.
pub(crate) type Name = (NodeId, OsString);

/// Something that the laptop has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Where.
    pub(crate) name: Name,
    /// What.
    pub(crate) what: What,
}

/// See [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The file has other contents.
    Contents(NodeId),
    /// It has other permissions or another owner.
    Attributes(NodeId),
    /// The name is new, or leads to another file; that was told at `asked`.
    Made {
        attributes: Attributes,
        asked: Epoch,
    },
    /// The name is gone, and with it this file.
    Removed(Option<Known>),
    /// What was this file may be anything now, or gone: what it is has to be asked.
    Doubted(Known),
    /// The name was removed from here, and the laptop knows it: nobody is to be told of that.
    /// `removals`: see [`own::Own::told_gone`].
    ToldGone { removals: u64 },
    /// The file has this name instead of `from`.
    Moved {
        from: Name,
        moved: Known,
        /// What had the name.
        replaced: Option<Known>,
    },
}

/// A file as the kernel knew it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: NodeId,
    pub(crate) attributes: Attributes,
}

/// Of what was told together: a name that went and one that came for the same file are a move.
pub(crate) fn paired(events: Vec<Event>) -> Vec<Event> {
    let mut removed: HashMap<Identity, usize> = HashMap::new();
    for (index, event) in events.iter().enumerate() {
        if let What::Removed(Some(known)) = &event.what {
            removed.insert(known.attributes.identity, index);
        }
    }
    let mut events: Vec<Option<Event>> = events.into_iter().map(Some).collect();
    for index in 0..events.len() {
        let made = match &events[index] {
            Some(Event {
                what: What::Made { attributes, .. },
                ..
            }) => *attributes,
            _ => continue,
        };
        let Some(from) = removed.remove(&made.identity) else {
            continue;
        };
        move_one(&mut events, from, index, &made);
    }
    events.into_iter().flatten().collect()
}

/// What is gone at `from` is what was made at `to`.
fn move_one(events: &mut [Option<Event>], from: usize, to: usize, made: &Attributes) {
    let Some(Event {
        name: from_name,
        what: What::Removed(Some(moved)),
    }) = events[from].clone()
    else {
        return;
    };
    let Some(name) = events[to].as_ref().map(|event| event.name.clone()) else {
        return;
    };
    if moved.attributes.kind != made.kind || from_name == name {
        return;
    }
    // What it has replaced is told just before.
    let before = to.checked_sub(1).filter(|before| *before != from);
    let replaced = before.and_then(|before| {
        let event = events[before]
            .take_if(|event| event.name == name && matches!(event.what, What::Removed(Some(_))));
        match event.map(|event| event.what) {
            Some(What::Removed(replaced)) => replaced,
            _ => None,
        }
    });
    let what = What::Moved {
        from: from_name,
        moved,
        replaced,
    };
    events[from] = None;
    events[to] = Some(Event { name, what });
}

/// What waits to be told, in the order in which it happened. A file that changes again and again is told once.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    events: VecDeque<Event>,
    changed: HashSet<(Name, bool)>,
    doubted: HashMap<Name, Known>,
}

impl What {
    /// That of a file, if it is to be told.
    pub(crate) fn of(news: News, id: NodeId) -> Option<Self> {
        match news {
            News::Contents => Some(Self::Contents(id)),
            News::Attributes => Some(Self::Attributes(id)),
            News::Nothing | News::Unclear => None,
        }
    }
}

impl Known {
    /// What those who watch are told, of what is there now: the node, and what that is like.
    pub(crate) fn became(&self, now: Option<(NodeId, Attributes)>) -> Option<What> {
        let Some((id, now)) = now else {
            return Some(What::Removed(Some(*self)));
        };
        let contents = |of: &Attributes| (of.identity, of.size, of.modified);
        let rights = |of: &Attributes| (of.permissions, of.user, of.group);
        let was = &self.attributes;
        if now.kind == Kind::File && contents(&now) != contents(was) {
            return Some(What::Contents(id));
        }
        (rights(&now) != rights(was)).then_some(What::Attributes(id))
    }
}

impl Queue {
    /// Dropped if there are too many.
    pub(crate) fn push(&mut self, event: Event) {
        if let What::Doubted(known) = event.what {
            if self.doubted.len() < MOST {
                self.doubted.entry(event.name).or_insert(known);
            }
            return;
        }
        for event in self.settled(event) {
            self.put(event);
        }
    }

    fn put(&mut self, event: Event) {
        if self.events.len() >= MOST {
            return;
        }
        if event.changes().is_none_or(|key| self.changed.insert(key)) {
            self.events.push_back(event);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let Some(event) = self.events.pop_front() else {
            let name = self.doubted.keys().next()?.clone();
            let what = What::Doubted(self.doubted.remove(&name)?);
            return Some(Event { name, what });
        };
        if let Some(key) = event.changes() {
            self.changed.remove(&key);
        }
        Some(event)
    }

    /// What is told of a name that is in doubt, now that the laptop has told of it.
    fn settled(&mut self, event: Event) -> Vec<Event> {
        if let What::Moved { from, .. } = &event.what {
            self.doubted.remove(from);
        }
        let Some(was) = self.doubted.remove(&event.name) else {
            return vec![event];
        };
        let name = event.name.clone();
        let known = move |what| Event { name, what };
        let is_it = |now: &Attributes| now.identity == was.attributes.identity;
        match &event.what {
            What::Made { attributes, .. } if is_it(attributes) => vec![known(What::Doubted(was))],
            What::Made { .. } => vec![known(What::Removed(Some(was))), event],
            What::Removed(None) => vec![known(What::Removed(Some(was)))],
            _ => vec![event],
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Event {
    /// Whether it was not done from here, and nothing is known that has happened since.
    pub(crate) fn is_news(&self, nodes: &Nodes) -> bool {
        let (parent, name) = match &self.what {
            What::Removed(_) => &self.name,
            What::Moved { from, .. } => from,
            _ => return !self.is_own(nodes),
        };
        !self.is_own(nodes) && nodes.child(*parent, name).is_none()
    }

    /// Whether it was done from here.
    pub(crate) fn is_own(&self, nodes: &Nodes) -> bool {
        let (parent, name) = (self.name.0, self.name.1.as_os_str());
        let own = &nodes.own;
        match &self.what {
            What::Made { attributes, .. } => own.has_made(parent, name, attributes.identity),
            What::Removed(known) => {
                let identity = known.map(|known| known.attributes.identity);
                own.has_removed(parent, name, identity)
            }
            What::Moved { from, moved, .. } => {
                let identity = moved.attributes.identity;
                own.has_made(parent, name, identity)
                    || own.has_removed(from.0, &from.1, Some(identity))
            }
            _ => false,
        }
    }

    /// What is no other when it happens twice.
    fn changes(&self) -> Option<(Name, bool)> {
        match self.what {
            What::Contents(_) => Some((self.name.clone(), true)),
            What::Attributes(_) => Some((self.name.clone(), false)),
            What::Made { .. }
            | What::Removed(_)
            | What::Doubted(_)
            | What::ToldGone { .. }
            | What::Moved { .. } => None,
        }
    }
}
