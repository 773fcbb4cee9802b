//! What is kept by path, as much of it as there is room for.

use std::collections::{BTreeMap, VecDeque};

use live::RelativePath;

/// By path; of too much, what came first goes first.
#[derive(Debug)]
pub(super) struct Store<T> {
    pub(super) kept: BTreeMap<RelativePath, (u64, usize, T)>,
    order: VecDeque<(u64, RelativePath)>,
    /// How much there is, as it was inserted with.
    pub(super) bytes: usize,
    last: u64,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self {
            kept: BTreeMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            last: 0,
        }
    }
}

impl<T> Store<T> {
    pub(super) fn get(&self, path: &RelativePath) -> Option<&T> {
        self.kept.get(path).map(|(.., kept)| kept)
    }

    pub(super) fn get_mut(&mut self, path: &RelativePath) -> Option<&mut T> {
        self.kept.get_mut(path).map(|(.., kept)| kept)
    }

    pub(super) fn insert(&mut self, path: RelativePath, kept: T, bytes: usize) {
        self.remove(&path);
        self.last += 1;
        self.bytes += bytes;
        self.order.push_back((self.last, path.clone()));
        self.kept.insert(path, (self.last, bytes, kept));
        // Most of it may be of what is gone.
        if self.order.len() > 64 + self.kept.len() * 2 {
            let kept = &self.kept;
            let is_there = |(number, path): &(u64, RelativePath)| {
                kept.get(path).is_some_and(|(there, ..)| there == number)
            };
            self.order.retain(is_there);
        }
    }

    pub(super) fn remove(&mut self, path: &RelativePath) -> Option<T> {
        let (_, bytes, kept) = self.kept.remove(path)?;
        self.bytes -= bytes;
        Some(kept)
    }

    pub(super) fn remove_below(&mut self, path: &RelativePath) {
        let bytes = &mut self.bytes;
        let is_gone = |below: &RelativePath, kept: &mut (u64, usize, T)| {
            let is_gone = below.starts_with(path);
            *bytes -= if is_gone { kept.1 } else { 0 };
            is_gone
        };
        // What is below begins with a slash after the path; a zero is the next after that.
        let end = RelativePath::new(&[path.as_bytes(), b"0"].concat());
        match end.ok().filter(|_| !path.is_root()) {
            Some(end) => self
                .kept
                .extract_if(path.clone()..end, is_gone)
                .for_each(drop),
            None => self.kept.extract_if(path.clone().., is_gone).for_each(drop),
        }
    }

    pub(super) fn shrink(&mut self, most: usize) {
        while self.bytes > most
            && let Some((number, path)) = self.order.pop_front()
        {
            if self
                .kept
                .get(&path)
                .is_some_and(|(there, ..)| *there == number)
            {
                self.remove(&path);
            }
        }
    }
}
