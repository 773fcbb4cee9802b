//! A connection that the session ends with.

use std::convert::Infallible;
use std::time::Duration;

use super::Daemon;
use super::link_state::LinkTeller;
use super::serving::{Reader, Writer};
use crate::local::{FromDaemon, LocalError, ToDaemon};

/// How long the server is waited for when who holds the session is gone.
const PATIENCE: Duration = Duration::from_secs(20);

impl Daemon {
    /// Tells who holds the session, and has said `early`, how it is with the connection, until he asks for the session's
    /// end or is gone, or it has ended otherwise.
    pub(super) async fn hold(
        &self,
        early: Option<ToDaemon>,
        mut reader: Reader,
        mut writer: Writer,
    ) -> Result<(), LocalError> {
        let mut stopped = self.stopped.subscribe();
        let hearing = async {
            match early {
                Some(said) => Ok(said),
                None => reader.next().await,
            }
        };
        let limit = tokio::select! {
            said = hearing => match said {
                Ok(ToDaemon::Stop { limit_ms }) => Duration::from_millis(limit_ms),
                _ => PATIENCE,
            },
            // He is gone.
            _ = tell(self.link.clone(), &mut writer) => PATIENCE,
            // Somebody else has it ended.
            _ = stopped.wait_for(Option::is_some) => PATIENCE,
        };
        let stopped = self.stop(limit).await;
        writer.send(&stopped).await
    }
}

/// Says how it is with the connection as long as somebody hears that.
async fn tell(mut link: LinkTeller, writer: &mut Writer) -> Result<Infallible, LocalError> {
    writer.send(&FromDaemon::Link(link.now())).await?;
    loop {
        let state = link.changed().await;
        // That the session has ended follows.
        if !link.was_stopped() {
            writer.send(&FromDaemon::Link(state)).await?;
        }
    }
}
