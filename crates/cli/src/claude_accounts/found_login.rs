//! What `login` takes into the vault.

use model::{CredentialDocument, Identity};
use vault::Cause;

/// A login that was found or signed in to.
pub(crate) struct FoundLogin {
    pub(crate) document: CredentialDocument,
    pub(crate) identity: Identity,
    pub(crate) cause: Cause,
    /// Whether the user's own credential file holds it too.
    pub(crate) in_client_file: bool,
}
