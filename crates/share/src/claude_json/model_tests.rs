//! Users who change their servers while the keeper merges, some patches fail and some are applied
//! without the keeper's knowing: against a model that keeps whole copies of what it last saw.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

type Servers = BTreeMap<String, Value>;

/// What becomes of a patch.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Confirmed,
    /// The client wrote meanwhile: not applied.
    Overtaken,
    /// Applied, and the keeper died before it knew.
    Unconfirmed,
}

#[derive(Clone, Debug)]
enum Step {
    /// A user gives a server a configuration that nobody gave it before.
    Set {
        user: usize,
        server: usize,
    },
    Remove {
        user: usize,
        server: usize,
    },
    Merge {
        user: usize,
        fate: Fate,
    },
    /// The keeper starts again from its file.
    Restart,
}

struct Machine {
    common: Common,
    files: Vec<Map<String, Value>>,
    /// What all agree on, in the model.
    agreed: Servers,
    /// What each user's file had at the last contact; `None`: never seen.
    contacts: Vec<Option<Servers>>,
    /// What a patch that was not applied would have left. Who does the same by hand changes nothing.
    overtaken: Vec<Option<Servers>>,
    /// A patch was applied unconfirmed: undoing it is not believed, so nobody undoes it.
    unconfirmed: Vec<bool>,
    counter: u32,
}

impl Machine {
    fn new(users: usize) -> Self {
        let file = |number: usize| {
            let file = json!({
                "numStartups": number,
                "hasCompletedOnboarding": number == 0,
                "projects": { format!("/home/{number}"): { "mcpServers": { "own": {} } } },
                "mcpServers": {},
                "userID": format!("user {number}"),
            });
            file.as_object().unwrap().clone()
        };
        Self {
            common: Common::default(),
            files: (0..users).map(file).collect(),
            agreed: Servers::new(),
            contacts: vec![None; users],
            overtaken: vec![None; users],
            unconfirmed: vec![false; users],
            counter: 0,
        }
    }

    fn servers(&self, user: usize) -> Servers {
        let servers = self.files[user]["mcpServers"].as_object().unwrap();
        servers.clone().into_iter().collect()
    }

    fn take(&mut self, step: &Step) {
        let name = |server: &usize| format!("server {server}");
        match step {
            Step::Set { user, server } => {
                self.counter += 1;
                let config = json!({ "command": self.counter, "env": { "KEY": "secret" } });
                self.files[*user]["mcpServers"][name(server)] = config;
            }
            Step::Remove { user, .. } if self.unconfirmed[*user] => {}
            Step::Remove { user, server } => {
                let servers = self.files[*user]["mcpServers"].as_object_mut().unwrap();
                servers.shift_remove(&name(server));
            }
            Step::Merge { user, fate } => drop(self.merge(*user, *fate)),
            Step::Restart => {
                let stored = serde_json::to_vec(&self.common).unwrap();
                self.common = serde_json::from_slice(&stored).unwrap();
            }
        }
    }

    /// The model's merge: what is different from the last contact is the user's change.
    fn expect_merge(&mut self, user: usize) {
        let now = self.servers(user);
        let known = self.contacts[user].replace(now.clone());
        let before = known.clone().unwrap_or_default();
        for (name, config) in &now {
            let wins = known.is_some() || !self.agreed.contains_key(name);
            if before.get(name) != Some(config) && wins {
                self.agreed.insert(name.clone(), config.clone());
            }
        }
        let overtaken = self.overtaken[user].take();
        let decided = |name: &str| {
            overtaken
                .as_ref()
                .is_some_and(|left| !left.contains_key(name))
        };
        for name in before.keys() {
            if !now.contains_key(name) && !decided(name) {
                self.agreed.remove(name);
            }
        }
    }

    /// Whether there was anything to do.
    fn merge(&mut self, user: usize, fate: Fate) -> bool {
        self.expect_merge(user);
        let name = format!("user {user}");
        let current = extract(&self.files[user]);
        let merged = merge(&mut self.common, &name, None, false, &current);
        let agreed: Servers = self.common.mcp_servers().clone().into_iter().collect();
        assert_eq!(agreed, self.agreed);
        assert_eq!(merged.refused, None);
        self.unconfirmed[user] = false;

        let again = merge(&mut self.common.clone(), &name, None, false, &current);
        assert_eq!(
            again.patch, merged.patch,
            "a second look gives the same patch"
        );
        assert!(!again.common_changed && !again.store);

        let Some(patch) = merged.patch else {
            assert_eq!(self.servers(user), self.agreed);
            return merged.common_changed;
        };
        if matches!(fate, Fate::Overtaken) {
            self.overtaken[user] = Some(self.agreed.clone());
            return true;
        }
        let mut others = self.files[user].clone();
        assert!(patch.apply(&mut self.files[user]));
        self.contacts[user] = Some(self.servers(user));
        assert_eq!(self.servers(user), self.agreed);
        let private = |file: &mut Map<String, Value>| {
            file.retain(|key, _| !SHARED_KEYS.contains(&key.as_str()));
            serde_json::to_string(file).unwrap()
        };
        assert_eq!(private(&mut others), private(&mut self.files[user].clone()));
        if matches!(fate, Fate::Confirmed) {
            confirm(&mut self.common, &name, &patch);
        } else {
            self.unconfirmed[user] = true;
        }

        let patched = extract(&self.files[user]);
        let settled = merge(&mut self.common.clone(), &name, None, false, &patched);
        assert_eq!(settled.patch, None);
        assert!(!settled.common_changed);
        assert_eq!(settled.store, matches!(fate, Fate::Unconfirmed));
        true
    }
}

fn any_step(users: usize) -> impl Strategy<Value = Step> {
    let fate = prop_oneof![
        3 => Just(Fate::Confirmed),
        2 => Just(Fate::Overtaken),
        1 => Just(Fate::Unconfirmed),
    ];
    prop_oneof![
        4 => (0..users, 0..5_usize).prop_map(|(user, server)| Step::Set { user, server }),
        3 => (0..users, 0..5_usize).prop_map(|(user, server)| Step::Remove { user, server }),
        6 => (0..users, fate).prop_map(|(user, fate)| Step::Merge { user, fate }),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #[test]
    fn all_get_the_same_and_nothing_is_lost_or_comes_back(
        steps in prop::collection::vec(any_step(4), 1..80),
    ) {
        let mut machine = Machine::new(4);
        for step in &steps {
            machine.take(step);
        }
        // Twice round: the first collects what the users did, the second gives it to the first ones.
        for user in [0, 1, 2, 3, 0, 1, 2, 3] {
            machine.merge(user, Fate::Confirmed);
        }
        for user in 0..4 {
            prop_assert!(!machine.merge(user, Fate::Confirmed), "it settles");
            prop_assert_eq!(machine.servers(user), machine.agreed.clone());
            prop_assert_eq!(&machine.files[user]["hasCompletedOnboarding"], &json!(true));
        }
    }

    #[test]
    fn any_files_are_merged_and_settle(
        files in prop::collection::vec(any_file(), 1..6),
        shares in any::<bool>(),
        account in prop::option::of("[ab]"),
    ) {
        let mut common = Common::default();
        common.set_account("a", json!({ "accountUuid": "1", "organizationUuid": "1" }));
        for file in files {
            let current = extract(&file);
            let merged = merge(&mut common, "user", account.as_deref(), shares, &current);
            let mut patched = file.clone();
            if let Some(patch) = &merged.patch {
                prop_assert!(patch.apply(&mut patched));
                confirm(&mut common, "user", patch);
            }
            let settled = merge(&mut common, "user", account.as_deref(), shares, &extract(&patched));
            prop_assert_eq!(settled, Merged::default());
        }
    }
}

/// Shared keys with values of every type.
fn any_file() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[0-9.]{0,3}".prop_map(Value::from),
        Just(json!({ "accountUuid": "1", "organizationUuid": "1", "displayName": "A" })),
        Just(json!({ "accountUuid": "2", "organizationUuid": "1" })),
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        let object = prop::collection::vec(("[abc]", inner.clone()), 0..4);
        prop_oneof![
            object.prop_map(|entries| Value::Object(entries.into_iter().collect())),
            prop::collection::vec(inner, 0..3).prop_map(Value::Array),
        ]
    });
    let key = prop::sample::select(vec![
        ACCOUNT,
        ONBOARDED,
        ONBOARDING_VERSION,
        SERVERS,
        "projects",
    ]);
    let entries = prop::collection::vec((key, value), 0..6);
    entries.prop_map(|entries| {
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    })
}
