//! What an import does to the accounts that are there: decided as a whole, done as a whole.

use std::collections::{HashMap, HashSet};

use model::{AccountId, AccountName, NAME_LIMIT};

use crate::{ImportEntry, Vault, VaultError};

/// What to do with an account whose name is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// Leave the one that is there.
    #[default]
    Skip,
    /// Put the import in its place; its login so far stays in its history.
    Replace,
    /// Add the import under a name with a number.
    Rename,
}

/// What is done with one account of an import.
#[derive(Clone, Debug)]
pub enum ImportAction {
    /// Added under its own name.
    Add(ImportEntry),
    /// Not taken: the name is taken.
    Skip(AccountName),
    /// Put in the place of the account of that name.
    Replace(ImportEntry),
    /// Added under another name.
    Rename {
        /// The name in the import.
        from: AccountName,
        /// The account with its new name.
        entry: ImportEntry,
    },
}

/// Decides, given the names that are taken.
#[must_use]
pub fn plan_import(
    taken: &[String],
    entries: Vec<ImportEntry>,
    policy: ConflictPolicy,
) -> Vec<ImportAction> {
    let mut taken: HashSet<String> = taken.iter().map(|name| name.to_lowercase()).collect();
    // Names of the import itself come first: a renamed one must not take the name of a later one.
    let existing = taken.clone();
    taken.extend(
        entries
            .iter()
            .map(|entry| entry.name.as_str().to_lowercase()),
    );
    let decide = |entry: ImportEntry| match (
        existing.contains(&entry.name.as_str().to_lowercase()),
        policy,
    ) {
        (false, _) => ImportAction::Add(entry),
        (true, ConflictPolicy::Skip) => ImportAction::Skip(entry.name),
        (true, ConflictPolicy::Replace) => ImportAction::Replace(entry),
        (true, ConflictPolicy::Rename) => rename(entry, &mut taken),
    };
    entries.into_iter().map(decide).collect()
}

fn rename(mut entry: ImportEntry, taken: &mut HashSet<String>) -> ImportAction {
    let from = entry.name.clone();
    let free = (2..)
        .map(|number| numbered(&from, number))
        .find(|name| taken.insert(name.as_str().to_lowercase()));
    entry.name = free.expect("there are more numbers than names");
    ImportAction::Rename { from, entry }
}

/// The name with a number, shortened where it would be too long.
pub(crate) fn numbered(name: &AccountName, number: u64) -> AccountName {
    let suffix = format!("-{number}");
    let stem: String = name
        .as_str()
        .chars()
        .take(NAME_LIMIT - suffix.len())
        .collect();
    AccountName::parse(&format!("{stem}{suffix}"))
        .expect("a shortened name with a number is a name")
}

impl Vault {
    /// Imports in one transaction: all that the policy lets in, or, on any error, nothing.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub fn import(
        &self,
        entries: &[ImportEntry],
        policy: ConflictPolicy,
    ) -> Result<Vec<ImportAction>, VaultError> {
        self.write(|transaction, sealer| {
            let names = self.names()?;
            let taken: Vec<String> = names.iter().map(|(_, name)| name.clone()).collect();
            let ids: HashMap<String, &AccountId> = names
                .iter()
                .map(|(id, name)| (name.to_lowercase(), id))
                .collect();
            let actions = plan_import(&taken, entries.to_vec(), policy);
            for action in &actions {
                match action {
                    ImportAction::Skip(_) => {}
                    ImportAction::Add(entry) | ImportAction::Rename { entry, .. } => {
                        self.insert(transaction, sealer, entry)?;
                    }
                    ImportAction::Replace(entry) => {
                        let id = ids
                            .get(&entry.name.as_str().to_lowercase())
                            .ok_or_else(|| VaultError::Changed(entry.name.to_string()))?;
                        self.fill(transaction, sealer, id, entry)?;
                    }
                }
            }
            Ok(actions)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewAccount;
    use model::AuthType;

    fn entries(names: &[&str]) -> Vec<ImportEntry> {
        let entry =
            |name: &&str| NewAccount::empty(AccountName::parse(name).unwrap(), AuthType::ApiKey);
        names.iter().map(entry).collect()
    }

    fn outcome(policy: ConflictPolicy) -> Vec<String> {
        let taken = ["Work".to_owned(), "work-2".to_owned()];
        let describe = |action: ImportAction| match action {
            ImportAction::Add(entry) => format!("add {}", entry.name),
            ImportAction::Skip(name) => format!("skip {name}"),
            ImportAction::Replace(entry) => format!("replace {}", entry.name),
            ImportAction::Rename { from, entry } => format!("{from} as {}", entry.name),
        };
        plan_import(&taken, entries(&["work", "new", "work-3"]), policy)
            .into_iter()
            .map(describe)
            .collect()
    }

    #[test]
    fn each_policy_does_what_it_is_called() {
        assert_eq!(
            outcome(ConflictPolicy::Skip),
            ["skip work", "add new", "add work-3"]
        );
        assert_eq!(
            outcome(ConflictPolicy::Replace),
            ["replace work", "add new", "add work-3"]
        );
        assert_eq!(
            outcome(ConflictPolicy::Rename),
            ["work as work-4", "add new", "add work-3"]
        );
    }

    #[test]
    fn the_longest_name_can_be_numbered() {
        let name = AccountName::parse(&"é".repeat(NAME_LIMIT)).unwrap();
        assert_eq!(numbered(&name, 12).as_str().chars().count(), NAME_LIMIT);
    }
}
