//! An import: taken as a whole or refused as a whole, and what is planned with it holds together.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use model::AccountName;
use vault::{ConflictPolicy, ImportAction, parse_import, plan_import};

fuzz_target!(|bytes: &[u8]| {
    let entries = match parse_import(bytes) {
        Ok(entries) => entries,
        Err(error) => return drop(error.to_string()),
    };
    let taken: Vec<String> = ["work", "Work-2", "x"].map(str::to_owned).to_vec();
    for policy in [ConflictPolicy::Skip, ConflictPolicy::Replace, ConflictPolicy::Rename] {
        let actions = plan_import(&taken, entries.clone(), policy);
        assert_eq!(actions.len(), entries.len());
        let mut names: HashSet<String> = taken.iter().map(|name| name.to_lowercase()).collect();
        for action in actions {
            match action {
                ImportAction::Add(entry) | ImportAction::Rename { entry, .. } => {
                    assert!(names.insert(lower(&entry.name)), "a name is taken twice");
                }
                ImportAction::Replace(entry) => assert!(names.contains(&lower(&entry.name))),
                ImportAction::Skip(name) => assert!(names.contains(&lower(&name))),
            }
        }
    }
});

fn lower(name: &AccountName) -> String {
    name.as_str().to_lowercase()
}
