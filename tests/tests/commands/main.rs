//! Commands typed on the server run on the laptop: on two machines with a real sshd and a real mount between them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod interactive;
mod lines;
mod links;
mod many;
mod map_output;
mod pipes;
mod real_client;
mod rounds;
mod scene;
mod table;
mod threats;
mod tunnel;
