//! The laptop's published directories as file systems of the server.
//!
//! A [`Mounted`] asks the laptop through [`Files`] and is told of what changes there, so that the kernel may keep names,
//! attributes and contents until then. It knows no network, waits for no answer itself, and follows no link.
//!
//! - `nodes` is the table of what the kernel knows, `opened` that of what is open, `changes` says what a change means
//!   for the kernel, and `events` for those who watch. They are pure, but that `opened` looks at the clock.
//! - `ahead` has what was read before anybody has asked for it. It is pure, too.
//! - `filesystem` answers the kernel's requests, one module for each subject; `shared` is what these have in common, `table`
//!   what is known, `outcomes` what answers have in them, `successor` what is done when the laptop was faster.
//! - `pending` has every request that is not answered yet, so that none stays when the mount ends.
//! - `under_way` counts what changes something on the laptop until that has answered, also when nobody waits for it any more;
//!   `settling` waits for all of that, and for what the kernel has queued before; `filesystem::settling` answers it.
//! - `invalidator` is the one thread that tells the kernel what to forget, `later` the one for what takes a while.
//! - `events::replay` is the one thread that does in the mount what the laptop has done, so that the kernel tells those who
//!   watch; `filesystem::replayed` knows and answers it. `filesystem::looking` tells what was done from here from that.
//! - `mounting` makes and ends mounts, `mounted` puts everything together.
//!
//! **Locks.** The kernel may hold back whoever tells it to forget something until requests are answered. Therefore only the
//! invalidator does that, holding nothing; answers are given on any thread, and no lock is held while the kernel is told
//! or the laptop asked.

mod ahead;
mod attributes;
mod changes;
mod errors;
mod events;
mod files;
mod filesystem;
mod invalidator;
mod later;
mod mounted;
mod mounting;
mod nodes;
mod notifications;
mod opened;
mod outcomes;
mod pending;
mod settling;
mod shared;
mod stream;
mod successor;
mod table;
mod under_way;
mod writing;

pub use attributes::Owners;
pub use files::{Answer, Files};
pub use mounted::{Mounted, Options, mount};
pub use mounting::{Mountpoint, SUBTYPE, detach_dead};
