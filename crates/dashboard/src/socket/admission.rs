//! Who may connect: a browser that is signed in, a token with the scope `launch`, or somebody with
//! a link to one session.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use socketioxide::extract::SocketRef;

use super::client::{self, Client};
use super::sockets::Sockets;
use super::wire::Wire;
use crate::access::{Caller, Scope, Who};
use crate::app::App;
use crate::error::ApiError;
use crate::terminals::Link;

/// What may stand in the connect packet. A token there is in no address, and so in no log.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Auth {
    token: Option<String>,
    watch: Option<String>,
}

/// Why somebody may not connect: the message of the connect error.
#[derive(Debug)]
pub(super) struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        match error.status.as_u16() {
            401 => Self("not signed in".to_owned()),
            _ => Self(error.message),
        }
    }
}

/// Admits a socket and sets up everything for it, or refuses it.
pub(super) fn admit(
    app: &Arc<App>,
    sockets: &Arc<Sockets>,
    socket: &SocketRef,
    auth: Auth,
) -> Result<(), Refusal> {
    let Some(wire) = socket.req_parts().extensions.get::<Arc<Wire>>() else {
        return Err(Refusal("the connection is not known".to_owned()));
    };
    let (caller, link) = identify(app, socket, &auth, wire)?;
    let client = Client::new(app, sockets, socket.id, caller, link, auth, wire);
    sockets.add(&client);
    // Again: rights that ended in between were told to sockets that were known by then.
    if !client.is_admitted(socket) {
        sockets.remove(socket.id);
        return Err(Refusal("not signed in".to_owned()));
    }
    wire.admit();
    client::listen(&client, socket);
    Ok(())
}

/// Whose rights these are, if they are good for terminals.
pub(super) fn identify(
    app: &Arc<App>,
    socket: &SocketRef,
    auth: &Auth,
    wire: &Wire,
) -> Result<(Caller, Option<Link>), Refusal> {
    if let Some(token) = &auth.watch {
        let link = app.terminals.links.find(token);
        let link =
            link.ok_or_else(|| Refusal("this link has expired, or never was one".to_owned()))?;
        let who = Who::Watcher {
            session: link.session.clone(),
        };
        let caller = Caller {
            who,
            scope: None,
            address: wire.address,
            fresh_until: None,
        };
        return Ok((caller, Some(link)));
    }
    let parts = socket.req_parts();
    let caller = match &auth.token {
        Some(token) => app.access.identify_token(app, token, parts)?,
        None => {
            let caller = app.access.identify(app, parts)?;
            caller.ok_or_else(|| Refusal("not signed in".to_owned()))?
        }
    };
    caller.require(Scope::Launch)?;
    Ok((caller, None))
}
