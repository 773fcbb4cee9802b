//! Which changes the times of a file do not tell.
//!
//! File systems stamp a change with a clock that ticks: some milliseconds apart on Linux before 6.13, seconds on others. Two
//! writes within a tick that leave a file with the same length leave it with the same attributes. Whoever was told of the
//! first, and has read then, takes the second for nothing new. So a file that is written again while its attributes stay as
//! they were told is told as *anything*. Where every change has a time of its own this finds nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use live::RelativePath;
use live::files::{Attributes, Time};

/// The longest tick: that of FAT, and some more.
const LONGEST: Duration = Duration::from_millis(2_500);
/// How many files are remembered. When more change within a tick, each that is written is taken for changed.
const MOST: usize = 16_384;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Ticks {
    told: HashMap<RelativePath, Told>,
    /// Until when not all of them are remembered.
    lacking_until: Option<Instant>,
}

#[derive(Debug)]
struct Told {
    /// The time of its last change, as it was told.
    changed: Time,
    at: Instant,
}

impl Ticks {
    /// The file at `path` is told to be like that, now; `is_written`: it was written since it was told before. Whether that
    /// may be another change than the one that was told.
    pub(super) fn tell(
        &mut self,
        path: &RelativePath,
        attributes: &Attributes,
        is_written: bool,
        now: Instant,
    ) -> bool {
        if self.told.len() >= MOST {
            self.told.retain(|_, told| now < told.at + LONGEST);
        }
        let is_lacking = self.lacking_until.is_some_and(|until| now < until);
        let changed = attributes.changed;
        let is_same = match self.told.get(path) {
            Some(told) => told.changed == changed && now < told.at + LONGEST,
            None => is_lacking,
        };
        if self.told.len() < MOST || self.told.contains_key(path) {
            let at = now;
            self.told.insert(path.clone(), Told { changed, at });
        } else {
            self.lacking_until = Some(now + LONGEST);
        }
        is_written && is_same
    }
}
