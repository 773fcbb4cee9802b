//! User-scope MCP servers: each by its name.

use serde_json::{Map, Value};

use super::mark::{self, Mark};
use super::{Merge, ONBOARDED, SERVERS};

/// Most servers that are carried. People have a handful; this keeps one user from filling the
/// files of all.
pub(super) const MOST_SERVERS: usize = 1_000;

/// Most that the carried servers may take together, in bytes of JSON.
pub(super) const MOST_BYTES: usize = 256 * 1024;

/// The servers of one file while they are merged.
struct Servers<'a> {
    /// What stands there, of whatever type.
    now: &'a Map<String, Value>,
    /// Whether a server that is missing was removed.
    says_removed: bool,
    /// Whether nothing is known of what the user had before.
    unknown: bool,
    /// What the file is to have.
    target: Map<String, Value>,
    /// What is carried, once somebody asked. Counted once: a file may have any number of servers.
    load: Option<Load>,
}

/// How much is carried.
#[derive(Clone, Copy)]
struct Load {
    servers: usize,
    /// Of JSON.
    bytes: usize,
}

impl Merge<'_> {
    /// Carries the user's changes to all, and gives him what he lacks.
    ///
    /// Only an object says that a server is gone. The client leaves `{}` when the last one is
    /// removed; a damaged file it begins anew without the key (seen with 2.1.197), and then the
    /// onboarding is gone as well, and what the new file lacks was not removed by anybody.
    pub(super) fn servers(&mut self) {
        let object = self.current.get(SERVERS).and_then(Value::as_object);
        let none = Map::new();
        let now = object.unwrap_or(&none);
        let onboarding_seen = self.before.seen.get(mark::of_key(ONBOARDED)).is_some();
        let begun_anew = onboarding_seen && !self.current.contains_key(ONBOARDED);
        let mut servers = Servers {
            now,
            says_removed: object.is_some() && !begun_anew,
            unknown: begun_anew || !self.known,
            target: now.clone(),
            load: None,
        };
        self.missing_servers(&mut servers);
        for (name, config) in now {
            // Anything but an object is neither carried nor replaced, and removes nothing.
            if config.is_object() {
                self.present_server(&mut servers, name, config);
            }
        }
        self.after.seen.shrink();
        if servers.target != *now {
            let target = Value::Object(servers.target);
            self.set.insert(SERVERS.to_owned(), target);
        }
    }

    /// Those that all have and the file lacks: removed by the user, or new to him.
    fn missing_servers(&mut self, servers: &mut Servers<'_>) {
        let names: Vec<String> = self.common.mcp_servers.keys().cloned().collect();
        for name in names.iter().filter(|name| !servers.now.contains_key(*name)) {
            let mark = mark::of_server(name);
            if servers.says_removed && self.changed_by_user(mark, None) {
                self.common.mcp_servers.shift_remove(name);
                self.merged.common_changed = true;
            } else {
                self.give(servers, name, mark, None);
            }
        }
    }

    /// One that the file has: the user's change, or what it was, or what somebody removed.
    fn present_server(&mut self, servers: &mut Servers<'_>, name: &str, config: &Value) {
        let (mark, now) = (mark::of_server(name), Some(mark::of_value(config)));
        let agreed = self.common.mcp_servers.get(name);
        if agreed == Some(config) {
            return self.record(mark, now, now);
        }
        let changed = if servers.unknown {
            agreed.is_none()
        } else {
            self.changed_by_user(mark, now)
        };
        if !changed {
            return self.give(servers, name, mark, now);
        }
        if let Err(problem) = self.make_room(servers, name, config) {
            // As if it had not been seen: it is carried as soon as there is room.
            let seen = self.before.seen.get(mark);
            self.after.seen.set(mark, seen);
            self.merged.refused = Some(problem);
            return;
        }
        self.common
            .mcp_servers
            .insert(name.to_owned(), config.clone());
        self.merged.common_changed = true;
        self.record(mark, now, now);
    }

    /// What all agree on becomes the target.
    fn give(&mut self, servers: &mut Servers<'_>, name: &str, mark: Mark, now: Option<Mark>) {
        let agreed = self.common.mcp_servers.get(name);
        let target = agreed.map(mark::of_value);
        match agreed {
            Some(agreed) => drop(servers.target.insert(name.to_owned(), agreed.clone())),
            None => drop(servers.target.shift_remove(name)),
        }
        self.record(mark, now, target);
    }

    /// Counts this server in, or says why it cannot be carried as well.
    fn make_room(
        &self,
        servers: &mut Servers<'_>,
        name: &str,
        config: &Value,
    ) -> Result<(), String> {
        let carried = &self.common.mcp_servers;
        let mut load = servers.load.unwrap_or_else(|| Load::of(carried));
        servers.load = Some(load);
        if let Some(replaced) = carried.get(name) {
            load.servers -= 1;
            load.bytes -= size(name, replaced);
        }
        load.servers += 1;
        load.bytes += size(name, config);
        let problem = if load.servers > MOST_SERVERS {
            format!("there are {MOST_SERVERS} already")
        } else if load.bytes > MOST_BYTES {
            let bytes = load.bytes;
            format!("all together would have {bytes} bytes, and {MOST_BYTES} is the most")
        } else {
            servers.load = Some(load);
            return Ok(());
        };
        // A name is whatever a user wrote: it may hold line feeds and have any length.
        let name: String = name.escape_debug().take(64).collect();
        Err(format!(
            "the MCP server `{name}` is not carried to the other users: {problem}"
        ))
    }
}

impl Load {
    fn of(servers: &Map<String, Value>) -> Self {
        let sizes = servers.iter().map(|(name, config)| size(name, config));
        Self {
            servers: servers.len(),
            bytes: sizes.sum(),
        }
    }
}

/// What a server takes in a file, in bytes, without indentation.
fn size(name: &str, config: &Value) -> usize {
    let config = serde_json::to_vec(config).expect("a value has string keys");
    name.len() + config.len() + "\"\":,".len()
}
