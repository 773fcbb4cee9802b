//! What the server is told of commands: every one in its turn.

use connection::Connection;
use live::Lane;
use live::commands::{Command, LARGEST_PIECE, News};
use live::message::ToServer;
use live::programs;
use tokio::sync::Mutex;

/// How much may wait in the lane of terminals, in bytes: so long does an echo wait behind other commands' floods.
const MOST_QUEUED: usize = 2 * programs::LARGEST_PIECE;

/// Tells in a lane for as long as it has room: whoever has waited longest is next.
pub(super) struct Telling {
    connection: Connection<ToServer>,
    of_terminals: Mutex<()>,
    of_others: Mutex<()>,
}

/// The most output that is told at once of a command, in bytes.
pub(super) fn largest_piece(command: Command) -> usize {
    match command.has_terminal {
        true => programs::LARGEST_PIECE,
        false => LARGEST_PIECE,
    }
}

impl Telling {
    pub(super) fn new(connection: Connection<ToServer>) -> Self {
        Self {
            connection,
            of_terminals: Mutex::default(),
            of_others: Mutex::default(),
        }
    }

    /// Behind what was told of this command before.
    pub(super) async fn tell(&self, command: Command, news: News) {
        let message = ToServer::Command(command, news);
        let (turn, most) = match command.has_terminal {
            true => (&self.of_terminals, MOST_QUEUED),
            false => (&self.of_others, connection::ROOM),
        };
        let _turn = turn.lock().await;
        self.connection.room_below(command.lane(), most).await;
        self.send(&message);
    }

    /// How much of its input a command has taken. Goes before what it outputs.
    pub(super) async fn taken(&self, command: Command, taken: u64) {
        self.connection.room(Lane::Terminal).await;
        self.send(&ToServer::Command(command, News::Taken(taken)));
    }

    /// It has changed nothing that was not told.
    pub(super) fn settled(&self, command: Command) {
        self.send(&ToServer::Command(command, News::Settled));
    }

    fn send(&self, message: &ToServer) {
        // Fails for a session that has ended.
        self.connection.send(message).ok();
    }
}
