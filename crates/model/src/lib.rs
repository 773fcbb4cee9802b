//! What an account is and what is decided about it.
//!
//! `model` knows no clock, no environment, no file, no socket and no process: what it needs is
//! passed in, what it decides is returned. `cargo xtask test` keeps it so.

mod account;
mod credential_document;
mod identity;
pub mod marked_block;
mod name;
mod renewal;
mod secret;
mod timestamp;
mod token_answer;

pub use account::{AccountId, AuthType, LoginState};
pub use credential_document::{CredentialDocument, DOCUMENT_LIMIT, DocumentError};
pub use identity::Identity;
pub use name::{AccountName, NAME_LIMIT, NameError, printable};
pub use renewal::{
    CLIENT_MARGIN, Decision, LoginFacts, RENEWAL_MARGIN, RenewReason, RetryPolicy, decide,
};
pub use secret::Secret;
pub use timestamp::Timestamp;
pub use token_answer::{ANSWER_LIMIT, AnswerError, TokenAnswer};
