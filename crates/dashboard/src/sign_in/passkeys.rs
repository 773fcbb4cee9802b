//! Passkeys (WebAuthn) as a second factor.
//!
//! A passkey belongs to the host name that it was made for. Browsers make none for addresses.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::Value;
use url::Url;
use webauthn_rs::prelude::{
    Passkey, PasskeyAuthentication, PasskeyRegistration, Uuid, Webauthn, WebauthnBuilder,
};

use super::random;
use crate::access::Visitor;
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::store::{Digest, Source, StoredPasskey};
use crate::vaults::blocking;

/// The one user, to authenticators: a new passkey of the same device replaces the old one there.
const USER: Uuid = Uuid::from_u128(0x9a6f_6c1d_1b5e_4f0e_8a57_5d6b_0f1c_2e43);
const USER_NAME: &str = "claude-accounts";

/// A registration that waits for the browser.
pub(crate) struct Registering {
    site: Site,
    state: PasskeyRegistration,
    name: String,
    /// Who began it.
    owner: String,
}

/// A sign-in whose password was right and that waits for the browser.
pub(crate) struct Asserting {
    site: Site,
    state: PasskeyAuthentication,
    /// Fingerprint of the password's hash.
    pub(crate) password: Digest,
    /// Where the password came from.
    pub(crate) source: Source,
}

/// The origin that a ceremony runs at, from its start to its end.
struct Site {
    host: String,
    webauthn: Webauthn,
}

impl Site {
    fn of(visitor: &Visitor) -> Result<Self, ApiError> {
        let host = visitor.host().to_owned();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if bare.parse::<IpAddr>().is_ok() {
            return Err(ApiError::bad_request(
                "a passkey needs a host name, and this is an address",
            )
            .hinted("Open the dashboard at http://localhost, or at the machine's name."));
        }
        let unsuitable = || ApiError::bad_request("a passkey cannot be used at this address");
        let origin = Url::parse(&visitor.origin()).map_err(|_| unsuitable())?;
        let builder = WebauthnBuilder::new(&host, &origin).map_err(|_| unsuitable())?;
        let webauthn = builder
            .rp_name(USER_NAME)
            .build()
            .map_err(|_| unsuitable())?;
        Ok(Self { host, webauthn })
    }
}

/// Begins a registration: the state's name, and what the browser is asked.
pub(crate) async fn start_registration(
    app: &Arc<App>,
    visitor: &Visitor,
    name: String,
    owner: String,
) -> Result<(String, Value), ApiError> {
    let site = Site::of(visitor)?;
    let known = stored(app, site.host.clone()).await?;
    let known = known
        .iter()
        .map(|(_, passkey)| passkey.cred_id().clone())
        .collect();
    let started = site
        .webauthn
        .start_passkey_registration(USER, USER_NAME, USER_NAME, Some(known));
    let (challenge, state) = started.map_err(|_| failed())?;
    let options = serde_json::to_value(challenge.public_key).map_err(|_| failed())?;
    let id = random::token()?;
    app.sign_in.registering.put(
        &id,
        Registering {
            site,
            state,
            name,
            owner,
        },
    );
    Ok((id, options))
}

/// Ends it: the passkey's identifier and name.
pub(crate) async fn finish_registration(
    app: &Arc<App>,
    visitor: &Visitor,
    state: &str,
    owner: &str,
    credential: &Value,
) -> Result<(String, String), ApiError> {
    let begun = app.sign_in.registering.take(state);
    let begun = begun.filter(|begun| begun.owner == owner && begun.site.host == visitor.host());
    let Some(Registering {
        site, state, name, ..
    }) = begun
    else {
        return Err(too_late());
    };
    let credential = serde_json::from_value(credential.clone()).map_err(|_| unreadable())?;
    let passkey = site
        .webauthn
        .finish_passkey_registration(&credential, &state)
        .map_err(|_| ApiError::bad_request("the passkey does not fit what was asked"))?;
    let new = StoredPasskey {
        id: random::id()?,
        name: name.clone(),
        host: site.host,
        credential: serde_json::to_string(&passkey).map_err(|_| failed())?,
        created_at: clock::now(),
        last_used_at: None,
    };
    let (app, id) = (Arc::clone(app), new.id.clone());
    match blocking(move || Ok(app.store.add_passkey(&new)?)).await? {
        true => Ok((id, name)),
        false => Err(
            ApiError::new(StatusCode::CONFLICT, "there are too many passkeys")
                .hinted("Remove one first."),
        ),
    }
}

/// Begins a sign-in whose password was right.
pub(crate) async fn start_assertion(
    app: &Arc<App>,
    visitor: &Visitor,
    password: Digest,
    source: Source,
) -> Result<(String, Value), ApiError> {
    let site = Site::of(visitor)?;
    let known = stored(app, site.host.clone()).await?;
    if known.is_empty() {
        return Err(
            ApiError::bad_request("there is no passkey for this host name").hinted(
                "Open the dashboard at the address where it was made, or use a recovery code.",
            ),
        );
    }
    let known: Vec<Passkey> = known.into_iter().map(|(_, passkey)| passkey).collect();
    let started = site.webauthn.start_passkey_authentication(&known);
    let (challenge, state) = started.map_err(|_| failed())?;
    let options = serde_json::to_value(challenge.public_key).map_err(|_| failed())?;
    let id = random::token()?;
    app.sign_in.asserting.put(
        &id,
        Asserting {
            site,
            state,
            password,
            source,
        },
    );
    Ok((id, options))
}

/// Takes what waits under this name: it counts once.
pub(crate) fn begun_assertion(
    app: &App,
    visitor: &Visitor,
    state: &str,
) -> Result<Asserting, ApiError> {
    let begun = app.sign_in.asserting.take(state);
    begun
        .filter(|begun| begun.site.host == visitor.host())
        .ok_or_else(too_late)
}

/// Whether the browser's answer is right: by a passkey that is still there, and whose counter, if
/// it has one, has gone on.
pub(crate) async fn is_asserted(
    app: &Arc<App>,
    begun: &Asserting,
    credential: &Value,
) -> Result<bool, ApiError> {
    let credential = serde_json::from_value(credential.clone()).map_err(|_| unreadable())?;
    let checked = begun
        .site
        .webauthn
        .finish_passkey_authentication(&credential, &begun.state);
    let Ok(result) = checked else {
        return Ok(false);
    };
    let known = stored(app, begun.site.host.clone()).await?;
    let found = known
        .into_iter()
        .find(|(_, passkey)| passkey.cred_id() == result.cred_id());
    let Some((id, mut passkey)) = found else {
        return Ok(false);
    };
    passkey.update_credential(&result);
    let text = serde_json::to_string(&passkey).map_err(|_| failed())?;
    let app = Arc::clone(app);
    blocking(move || Ok(app.store.passkey_used(&id, &text, clock::now())?)).await
}

/// Those of this host, with their identifiers. What cannot be read is none.
async fn stored(app: &Arc<App>, host: String) -> Result<Vec<(String, Passkey)>, ApiError> {
    let app = Arc::clone(app);
    let all = blocking(move || Ok(app.store.passkeys()?)).await?;
    let of_host = all.into_iter().filter(|passkey| passkey.host == host);
    let parsed = of_host.filter_map(|passkey| {
        let credential = serde_json::from_str(&passkey.credential).ok()?;
        Some((passkey.id, credential))
    });
    Ok(parsed.collect())
}

fn too_late() -> ApiError {
    ApiError::bad_request("this was not begun here, or too long ago").hinted("Begin again.")
}

fn unreadable() -> ApiError {
    ApiError::bad_request("`credential` is not what a browser makes of a passkey")
}

fn failed() -> ApiError {
    ApiError::internal("passkeys do not work here")
}
