//! Where the program is on a server that nobody has set up for sessions.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::Server;

/// How long the server is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of what it says is read, in bytes.
const LONGEST: u64 = 4 << 10;
/// Says where `claude-share` is, if it is where such programs are.
const SCRIPT: &str = "for program in \"$(command -v claude-share)\" \"$HOME/.local/bin/claude-share\"; do \
                      if [ -x \"$program\" ]; then echo \"$program\"; exit; fi; done";

impl Server {
    /// The path of `claude-share` there: as the user's `PATH` has it, or in his `~/.local/bin`. `None` if it is in neither.
    /// What [`Server::remote_program`] says does not matter. `environment` is that of this process.
    ///
    /// # Errors
    /// If the server is not reached.
    pub async fn find_program(
        &self,
        environment: &[(OsString, OsString)],
    ) -> io::Result<Option<String>> {
        let shell = Self {
            remote_program: "sh".to_owned(),
            ..self.clone()
        };
        let ssh = shell.ssh(&["-c", SCRIPT], environment);
        let finding = async {
            let mut said = String::new();
            let mut stream = ssh.start()?.take(LONGEST);
            stream.read_to_string(&mut said).await.map(|_| said)
        };
        let said = timeout(PATIENCE, finding).await;
        let said = said.map_err(|_| io::Error::other("the server does not answer"))??;
        // A shell may say something of its own at its beginning.
        let path = said.lines().rfind(|line| line.starts_with('/'));
        Ok(path.map(ToOwned::to_owned))
    }
}
