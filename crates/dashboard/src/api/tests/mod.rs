//! The API as its clients see it.

mod accounts;
mod audit;
mod logins;
mod others;
mod rights;
mod server;
