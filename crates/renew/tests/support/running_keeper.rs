//! A keeper on a thread of this process.
