//! Who goes first, and how much of each may be on its way.

use crate::WINDOW;

/// What kind of message it is: within a lane messages arrive in the order in which they were sent, and a lane with a
/// lower number goes first whenever something can be sent, be it for the first time or again after a reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Lane {
    /// The session itself: few and small.
    Control = 0,
    /// Keystrokes and what they bring about.
    Terminal = 1,
    /// Names and attributes of files.
    Metadata = 2,
    /// Contents of files.
    Bulk = 3,
}

impl Lane {
    /// All, the first first.
    pub const ALL: [Lane; 4] = [Lane::Control, Lane::Terminal, Lane::Metadata, Lane::Bulk];

    /// How much of it may be on its way without having been confirmed, in bytes of memory; the last frame may go beyond it.
    /// Each lane has its own, so that none keeps another from being sent. For a round trip of 200 ms they are enough for
    /// 156 MB/s of contents, 20 MB/s of names and attributes, and 5 MB/s of all else: less, for whatever of it the cut of a
    /// connection took is sent again before anything newer of that lane.
    #[must_use]
    pub const fn window(self) -> usize {
        match self {
            Lane::Control | Lane::Terminal => WINDOW / 32,
            Lane::Metadata => WINDOW / 8,
            Lane::Bulk => WINDOW,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Lane> {
        Lane::ALL.into_iter().find(|lane| *lane as u8 == number)
    }
}

/// Something for each lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lanes<T>([T; Lane::ALL.len()]);

impl<T> Lanes<T> {
    /// The one of `lane`.
    pub fn get(&self, lane: Lane) -> &T {
        &self.0[lane as usize]
    }

    /// The one of `lane`, to be changed.
    pub fn get_mut(&mut self, lane: Lane) -> &mut T {
        &mut self.0[lane as usize]
    }

    /// Each with its lane, the first first.
    pub fn iter(&self) -> impl Iterator<Item = (Lane, &T)> {
        Lane::ALL.into_iter().zip(&self.0)
    }

    /// Each with its lane, the first first, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Lane, &mut T)> {
        Lane::ALL.into_iter().zip(&mut self.0)
    }
}
