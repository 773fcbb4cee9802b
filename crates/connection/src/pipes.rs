//! How much a pipe holds.

use std::os::fd::AsFd;

use rustix::pipe::fcntl_setpipe_size;

/// What a pipe holds over which a stream comes in, in bytes: more than by itself, so that who writes it and who reads it wait
/// for each other less often. On the way out nothing more is held than by itself: a key typed would wait behind it.
pub(crate) const RECEIVING: usize = 256 << 10;

/// Has the pipe of which this is the reading end hold so much, if the system allows that, and if it is one.
pub(crate) fn widen(pipe: impl AsFd) {
    fcntl_setpipe_size(pipe, RECEIVING).ok();
}
