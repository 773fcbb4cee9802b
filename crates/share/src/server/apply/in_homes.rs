//! The steps that are done in homes, each by a process that becomes the user.

use super::carry_out::{Undo, Work, home_error};
use crate::ShareError;
use crate::desired::{Provision, key_command};
use crate::home::{Condition, HomeReport, Owner, Task};
use crate::name::UserName;
use crate::server::step::Step;
use crate::server::{homes, take_login};
use crate::state::{ServerState, UserRecord};

impl Work<'_> {
    pub(super) fn set_up_home(
        &mut self,
        user: &UserName,
        reclaim: bool,
        is_new: bool,
    ) -> Result<(), ShareError> {
        let state = self.state()?.clone();
        let Some(record) = state.record(user.as_str()) else {
            return Err(home_error(user, "is not managed"));
        };
        let owner = self.owner(user, &state.settings)?;
        if owner.uid != record.uid {
            return Err(home_error(user, "belongs to another user by now"));
        }
        let report = self.mend_home(&state, record, &owner, reclaim)?;
        // Taken back even if only half of it could be done; who was managed before stays it.
        if is_new {
            let (user, wrong) = (user.clone(), Vec::new());
            self.done.push(Undo::Step(Step::SetUpHome {
                user,
                wrong,
                reclaim,
                is_new,
            }));
        }
        self.remember_originals(user, &report)?;
        self.note_home(user, &report);
        match homes::failures(&report).as_slice() {
            [] => Ok(()),
            failures => Err(home_error(user, &failures.join("; "))),
        }
    }

    /// Has the home made as it is to be with what the account has then, which a renewal may have
    /// changed while the home was worked on.
    fn mend_home(
        &self,
        state: &ServerState,
        record: &UserRecord,
        owner: &Owner,
        reclaim: bool,
    ) -> Result<HomeReport, ShareError> {
        let account = state.account_of(record);
        let key_command = key_command(self.machine.program);
        let shared = &state.settings.shared_directory;
        let mut provision = self.provision(account)?;
        let mut first = None;
        loop {
            let wish = homes::managed_wish(state, record, &provision, &key_command);
            let task = Task::Mend {
                reclaim: None,
                reclaim_any: reclaim && first.is_none(),
            };
            let request = homes::request(owner, shared, wish, task, self.machine.stamp);
            let report = self.machine.processes.ask(owner, &request)?;
            // What was replaced first is what the user had.
            let report = first.get_or_insert(report);
            let before = std::mem::replace(&mut provision, self.provision(account)?);
            if provision == before {
                return Ok(std::mem::take(report));
            }
        }
    }

    /// The first backup of an item is what the user had before us.
    fn remember_originals(
        &mut self,
        user: &UserName,
        report: &HomeReport,
    ) -> Result<(), ShareError> {
        let made = homes::backups(report);
        let mut state = self.state()?.clone();
        let name = user.as_str();
        let Some(record) = state
            .users
            .get_mut(name)
            .or_else(|| state.joining.get_mut(name))
        else {
            return Ok(());
        };
        let before = record.originals.len();
        for (item, backup) in made {
            record.originals.entry(item).or_insert(backup);
        }
        if record.originals.len() != before {
            state.store(&self.machine.paths.state())?;
            self.state = Some(state);
        }
        Ok(())
    }

    fn note_home(&mut self, user: &UserName, report: &HomeReport) {
        for (item, backup) in homes::backups(report) {
            let path = item.path();
            self.notes.push(format!(
                "what {user} had at ~/{path} is kept beside it as {backup}"
            ));
        }
        let own = report
            .items
            .iter()
            .any(|item| item.found == Condition::OwnLogin && item.mended.is_none());
        if own && report.own_login.is_some() {
            self.notes.push(format!(
                "{user} has a login of his own, which stays; to replace it: claude-share server sync --reclaim {user}"
            ));
        }
    }

    pub(super) fn set_up_source(
        &mut self,
        user: &UserName,
        reclaim: bool,
        is_new: bool,
    ) -> Result<(), ShareError> {
        let state = self.state()?.clone();
        let Some(source) = &state.source else {
            return Ok(());
        };
        let owner = self.owner(user, &state.settings)?;
        if is_new {
            let user = user.clone();
            self.done.push(Undo::Step(Step::SetUpSource {
                user,
                reclaim,
                is_new,
            }));
        }
        let report = take_login::set_up_source(
            self.machine,
            &state.settings,
            &owner,
            &source.account,
            reclaim,
        )?;
        if homes::has_own_login(&report) {
            self.notes.push(format!(
                "{user} has another login by now, which stays; to replace it: claude-share server sync --reclaim {user}"
            ));
        }
        match homes::failures(&report).as_slice() {
            [] => Ok(()),
            failures => Err(home_error(user, &failures.join("; "))),
        }
    }

    pub(super) fn take_back_home(&mut self, user: &UserName) -> Result<(), ShareError> {
        let state = self.state()?.clone();
        let Some(record) = state.record(user.as_str()) else {
            return Ok(());
        };
        let owner = self.owner(user, &state.settings)?;
        let provision = self
            .provision(state.account_of(record))
            .unwrap_or(Provision::Nothing);
        let key_command = key_command(self.machine.program);
        let wish = homes::managed_wish(&state, record, &provision, &key_command);
        let task = Task::TakeBack {
            originals: record.originals.clone(),
            login: None,
        };
        let shared = &state.settings.shared_directory;
        let request = homes::request(&owner, shared, wish, task, self.machine.stamp);
        let report = self.machine.processes.ask(&owner, &request)?;
        self.note_home(user, &report);
        match homes::failures(&report).as_slice() {
            [] => Ok(()),
            failures => Err(home_error(user, &failures.join("; "))),
        }
    }

    pub(super) fn give_back_login(&mut self, user: &UserName) -> Result<(), ShareError> {
        let state = self.state()?.clone();
        let Some(source) = &state.source else {
            return Ok(());
        };
        let owner = self.owner(user, &state.settings)?;
        let report = take_login::give_back(self.machine, &state.settings, &owner, &source.account)?;
        match homes::failures(&report).as_slice() {
            [] => Ok(()),
            failures => Err(home_error(user, &failures.join("; "))),
        }
    }

    pub(super) fn authorize_key(&mut self, user: &UserName, key: &str) -> Result<(), ShareError> {
        let settings = self.settings()?.clone();
        let owner = self.owner(user, &settings)?;
        let task = Task::AuthorizeKey {
            key: key.to_owned(),
        };
        let shared = &settings.shared_directory;
        let request = homes::request(&owner, shared, homes::no_wish(), task, self.machine.stamp);
        self.machine.processes.ask(&owner, &request).map(drop)
    }
}
