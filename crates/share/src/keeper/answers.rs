//! What the keeper answers to those who call it.

use super::Keeper;
use super::protocol::{KeeperStatus, KeyAnswer, Request};
use super::users::Role;

impl Keeper {
    /// Answers whoever has said what he wants.
    pub(super) fn answer_calls(&mut self) {
        let calls = self.callers.listen_to_all();
        if calls.iter().any(|call| call.request == Request::Key) {
            // The number of who asks may have become another user's a moment ago.
            self.note_changes();
        }
        for call in calls {
            let answer = match (call.request, call.uid) {
                (Request::Key, uid) => {
                    serde_json::to_string(&self.key_for(uid)).expect("two strings serialise")
                }
                (_, uid) if uid != 0 => "{\"refused\":\"for root alone\"}".to_owned(),
                (Request::Status, _) => {
                    serde_json::to_string(&self.status()).expect("plain data serialises")
                }
                (Request::Reload, _) => {
                    self.reload();
                    self.vault_changed = true;
                    self.users.queue_all();
                    "{\"done\":true}".to_owned()
                }
                (Request::Stop, _) => {
                    self.stopping = true;
                    "{\"done\":true}".to_owned()
                }
            };
            call.answer(&answer);
        }
    }

    /// The key of the managed user who has this number, and had it when he was set up.
    fn key_for(&self, uid: u32) -> KeyAnswer {
        let of_caller = |role: &Role| matches!(role, Role::Managed(record) if record.uid == uid);
        let none = |reason: &str| KeyAnswer::None(reason.to_owned());
        let mut users = self.users.by_name.values();
        let Some(user) = users.find(|user| of_caller(&user.role) && user.owner.is_ok()) else {
            return none("this user is not managed here");
        };
        match self.accounts.key(self.account_of(&user.role)) {
            Some(key) => KeyAnswer::Key(key.expose().to_owned()),
            None => none("no API key is assigned to this user"),
        }
    }

    fn status(&self) -> KeeperStatus {
        let troubles = self.users.by_name.iter();
        let troubles = troubles
            .filter_map(|(name, user)| Some((name.clone(), user.trouble.clone()?)))
            .collect();
        KeeperStatus {
            pid: std::process::id(),
            started_at: self.started_at,
            users: self.users.by_name.len(),
            troubles,
            not_renewed: self.not_renewed.clone(),
            waiting: self.users.busy(),
        }
    }
}
