//! Importing into a vault whose logins may be renewed at the same moment.

use std::collections::HashSet;

use model::AccountId;
use vault::{ConflictPolicy, ImportAction, ImportEntry, Vault};

use crate::{Lease, RenewError};

/// Imports `entries`; nobody renews a login while it is replaced.
///
/// # Errors
/// If a login that is to be replaced is being renewed, or the vault cannot be written; then nothing
/// was imported.
pub fn import(
    vault: &Vault,
    entries: &[ImportEntry],
    policy: ConflictPolicy,
) -> Result<Vec<ImportAction>, RenewError> {
    let _leases = match policy {
        ConflictPolicy::Replace => leases(vault, entries)?,
        ConflictPolicy::Skip | ConflictPolicy::Rename => Vec::new(),
    };
    Ok(vault.import(entries, policy)?)
}

/// Taken in one order, so that two imports cannot wait for each other.
fn leases(vault: &Vault, entries: &[ImportEntry]) -> Result<Vec<Lease>, RenewError> {
    let named: HashSet<String> = entries
        .iter()
        .map(|entry| entry.name.as_str().to_lowercase())
        .collect();
    let mut replaced = vault.names()?;
    replaced.retain(|(_, name)| named.contains(&name.to_lowercase()));
    replaced.sort();
    let acquire = |(id, name): &(AccountId, String)| Lease::acquire(vault.paths(), id, name);
    replaced.iter().map(acquire).collect()
}
