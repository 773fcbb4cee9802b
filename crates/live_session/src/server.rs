//! The server's end.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connection::{Connection, Happening, Receiver};
use live::control::{Failure, Reply, Request};
use live::message::{ToLaptop, ToServer};
use mount::Files;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::spawn_blocking;

mod mounts;
mod remote_files;

use crate::random;
use mounts::Mounts;
use remote_files::RemoteFiles;

/// How long file operations wait for a lost connection, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// How an agent works.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// The directory that mount points are made in, the session's own; it has to be there, and not for other users.
    pub mounts: PathBuf,
    /// How long file operations wait for a lost connection before they fail with `EIO`.
    pub patience: Duration,
}

/// Mounts what the laptop publishes. Outlives every connection; what was mounted is unmounted when it ends.
pub struct Agent {
    connection: Connection<ToLaptop>,
    files: Arc<RemoteFiles>,
    mounts: Arc<Mounts>,
    patience: Duration,
}

impl Agent {
    /// One that has mounted nothing yet.
    ///
    /// # Errors
    /// If the system gives no random number.
    pub fn new(connection: Connection<ToLaptop>, options: AgentOptions) -> io::Result<Self> {
        let files = Arc::new(RemoteFiles::new(connection.clone(), random()?));
        let asked: Arc<dyn Files> = Arc::<RemoteFiles>::clone(&files);
        Ok(Self {
            connection,
            mounts: Arc::new(Mounts::new(options.mounts, asked)),
            files,
            patience: options.patience,
        })
    }

    /// Does what the laptop asks for until the session has ended; the reason that the laptop gave for that, if it did.
    pub async fn run(&self, mut receiver: Receiver<ToServer>) -> Option<String> {
        let state = self.connection.state();
        let waiting = remote_files::lose_patience(&self.files, state, self.patience);
        // One after the other: a mount may be wished for twice, and not any more.
        let (wishes, mut wished) = unbounded_channel();
        let granting = async {
            while let Some((number, wish)) = wished.recv().await {
                self.grant(number, wish).await;
            }
        };
        let receiving = async {
            loop {
                match receiver.next().await? {
                    Happening::Connected { resumed } => self.connected(resumed),
                    Happening::Goodbye(reason) => return Some(reason),
                    Happening::Message(ToServer::File(number, outcome)) => {
                        self.files.answered(number, outcome);
                    }
                    Happening::Message(ToServer::Changed(changes)) => self.mounts.changed(&changes),
                    // Received as long as this runs.
                    Happening::Message(ToServer::Control(number, wish)) => {
                        wishes.send((number, wish)).ok()?;
                    }
                }
            }
        };
        let reason = tokio::select! {
            reason = receiving => reason,
            () = granting => None,
            never = waiting => match never {},
        };
        self.files.end();
        let mounts = Arc::clone(&self.mounts);
        // Unmounting waits for the kernel.
        drop(spawn_blocking(move || mounts.end_all()).await);
        reason
    }

    /// A laptop that was started anew has no file open any more.
    fn connected(&self, resumed: bool) {
        if !resumed {
            self.files.fail_pending();
        }
    }

    async fn grant(&self, number: u64, wish: Request) {
        let mounts = Arc::clone(&self.mounts);
        let done = spawn_blocking(move || match wish {
            Request::Mount(wanted) => mounts.mount(&wanted).map(Reply::Mounted),
            Request::Unmount(root) => {
                mounts.unmount(root);
                Ok(Reply::Done)
            }
        });
        let reply = done.await.unwrap_or_else(|_| {
            Err(Failure {
                message: "the agent on the server has failed".to_owned(),
                hint: String::new(),
            })
        });
        // Fails for a session that has ended.
        self.connection.send(&ToLaptop::Control(number, reply)).ok();
    }
}
