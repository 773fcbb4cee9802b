//! What the mount asks.

use live::files::{Outcome, Request};

/// What an outcome is given to.
///
/// Dropped without one, it is taken for an error (`EIO`).
pub type Answer = Box<dyn FnOnce(Outcome) + Send>;

/// The laptop's files, however far away they are.
pub trait Files: Send + Sync + 'static {
    /// Has `request` done, and its outcome given to `answer`: from any thread, possibly before this returns.
    ///
    /// Never blocks: the kernel's requests come in on the threads that call this. An implementation waits for a lost link
    /// to come back, or gives the error that it finds right. It may give the answers in any order, but a change that it
    /// knows of from the laptop (see [`Mounted::changed`](crate::Mounted::changed)) has to be told before the answers that
    /// the laptop gave after it.
    fn ask(&self, request: Request, answer: Answer);
}
