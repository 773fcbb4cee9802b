//! Which commands that are typed on the server run on the laptop, and what becomes of their words, environment and output
//! on the way.
//!
//! Pure: it decides, and knows no file, process, clock or environment of its own.
//!
//! - [`Name`] is what a command may be called, [`Names`] are those that are proxied, and why.
//! - [`environment`] says what of the server's environment comes along, and what of the laptop's own stays behind.
//! - [`Paths`] knows what a path of one end is called at the other; [`OutputMapper`] says the same of output.

mod name;
mod names;
mod output;
mod paths;

pub mod environment;

pub use name::{Name, NameError};
pub use names::{DEFAULTS, Names, Why};
pub use output::OutputMapper;
pub use paths::{Pair, Paths};
