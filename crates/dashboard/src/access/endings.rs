//! Tells sockets and streams when somebody's rights end without a request that ends them: by time,
//! or by another process.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::{FIRST_TOKEN, Who, is_valid};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::events::Change;
use crate::store::Digest;

/// How often it is looked at. A socket may outlive its rights by so much.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);

impl App {
    /// Goes on as long as the dashboard does; to be spawned once.
    pub(crate) fn watch_endings(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        watch(Arc::downgrade(self))
    }

    /// Everybody who could call at this moment, but those with a link.
    pub(crate) fn entitled(&self) -> Result<HashSet<Who>, ApiError> {
        let in_force = self.access.in_force()?;
        let (known, now) = (self.store.credentials()?, clock::now());
        let sign_ins = known
            .sign_ins()
            .filter(|record| is_valid(record, in_force.password));
        let browsers = sign_ins.map(|record| Who::Browser(record.id.clone()));
        let tokens = known.tokens().filter(|record| !record.has_expired(now));
        let tokens = tokens.map(|record| Who::Token {
            id: record.id.clone(),
            name: record.name.clone(),
        });
        let first = in_force.first_token.map(|_| Who::Token {
            id: FIRST_TOKEN.to_owned(),
            name: FIRST_TOKEN.to_owned(),
        });
        Ok(browsers.chain(tokens).chain(first).collect())
    }
}

/// Who was entitled when it was last looked at, and by which password.
#[derive(Default)]
pub(crate) struct Endings {
    before: HashSet<Who>,
    password: Option<Digest>,
}

impl Endings {
    /// Whether there is another password than the last time, or none any more.
    fn has_other_password(&mut self, app: &App) -> bool {
        let Ok(in_force) = app.access.in_force() else {
            return false;
        };
        let before = std::mem::replace(&mut self.password, in_force.password);
        match (before, self.password) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(before), Some(now)) => !before.is_same(&now),
        }
    }

    /// Those who were entitled the last time and are not any more. A database that cannot be read
    /// at this moment ends nobody's rights.
    pub(crate) fn look(&mut self, app: &App) -> Vec<Who> {
        let Ok(now) = app.entitled() else {
            return Vec::new();
        };
        let before = std::mem::replace(&mut self.before, now);
        before.difference(&self.before).cloned().collect()
    }
}

async fn watch(app: Weak<App>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut endings = Endings::default();
    loop {
        ticks.tick().await;
        let Some(app) = app.upgrade() else {
            return;
        };
        if endings.has_other_password(&app) {
            app.terminals.end_links();
        }
        let ended = endings.look(&app);
        if !ended.is_empty() {
            app.events.tell(Change::Ended(ended));
        }
    }
}
