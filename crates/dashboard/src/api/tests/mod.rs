//! The API as its clients see it.

mod accounts;
mod logins;
mod others;
mod rights;
mod server;
