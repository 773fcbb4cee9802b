//! What `start_terminal` and `start_login` do: start a program, or look at one that is there.

use std::sync::Arc;

use socketioxide::extract::AckSender;
use terminal::Size;

use super::client::{Client, State, answer, refuse};
use super::events::{Failed, Started};
use super::messages::Start;
use super::view::{Reader, View};
use crate::error::ApiError;
use crate::terminals::{Kind, Session, Terminals, Wanted};

/// From where somebody begins to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// From the start: he has started it.
    Start,
    /// From a picture of now.
    Now,
    /// From behind what he has already.
    Behind(u64),
}

impl Client {
    /// Begins at once where nothing has to be started.
    pub(super) fn start(
        self: &Arc<Self>,
        state: &mut State,
        kind: Kind,
        start: Start,
        ack: AckSender,
    ) {
        let wanted = match &self.link {
            Some(link)
                if start
                    .session
                    .as_ref()
                    .is_none_or(|session| *session == link.session) =>
            {
                Some(link.session.clone())
            }
            Some(_) => {
                return self.refuse_start(ack, &Failed::new("this link is for another session"));
            }
            None => start.session.clone(),
        };
        if !state.has_room() {
            return self.refuse_start(
                ack,
                &Failed::new("this connection looks at too many sessions"),
            );
        }
        let Some(session) = wanted else {
            state.is_busy = true;
            let client = Arc::clone(self);
            tokio::spawn(async move {
                client.start_program(kind, start, ack).await;
                client.go_on();
            });
            return;
        };
        match self.app.terminals.get(&session) {
            Ok(found) => {
                let from = start.after.map_or(From::Now, From::Behind);
                self.look(state, &found, from, self.reader(true), start.size());
                answer(ack);
            }
            Err(error) => self.refuse_start(ack, &Failed::from(error).of(Some(session))),
        }
    }

    async fn start_program(self: &Arc<Self>, kind: Kind, start: Start, ack: AckSender) {
        match self.find_or_start(kind, &start).await {
            Ok((session, from)) => {
                let mut state = self.state();
                let reader = self.reader(start.is_new_client());
                if reader == Reader::Older {
                    // It would mix up two.
                    state.views.retain(|_, view| !view.end_if_older());
                }
                state.last = Some(session.id.clone());
                self.look(&mut state, &session, from, reader, start.size());
                drop(state);
                answer(ack);
            }
            Err(error) => self.refuse_start(ack, &error.into()),
        }
    }

    async fn find_or_start(
        self: &Arc<Self>,
        kind: Kind,
        start: &Start,
    ) -> Result<(Arc<Session>, From), ApiError> {
        let Some(account_id) = start.account_id.clone() else {
            return Err(ApiError::bad_request("`account_id` is missing"));
        };
        let terminals = &self.app.terminals;
        let cwd = start.cwd.clone().unwrap_or_default();
        // Its connection was lost, and it starts again what it had: that is still there.
        let may_be_lost = kind == Kind::Terminal && !start.is_new_client();
        if may_be_lost || start.attach_only {
            let directory = terminals.directory(&cwd).await?;
            if may_be_lost {
                self.cut_left_behind();
            }
            let found = match start.attach_only {
                true => terminals.running_in(&account_id, &directory),
                false => terminals.lost_by(&self.caller.who, &account_id, &directory),
            };
            if let Some(session) = found {
                return Ok((session, From::Now));
            }
            if start.attach_only {
                return Err(ApiError::not_found(
                    "nothing runs for this account in this directory",
                ));
            }
        }
        let wanted = Wanted {
            kind,
            account_id,
            cwd,
            size: start.size().unwrap_or(Size::DEFAULT),
            record: start.record,
        };
        let session = Terminals::start(&self.app, &self.caller, wanted).await?;
        Ok((session, From::Start))
    }

    /// Begins to show a session to this client.
    fn look(
        self: &Arc<Self>,
        state: &mut State,
        session: &Arc<Session>,
        from: From,
        reader: Reader,
        size: Option<Size>,
    ) {
        if let Some(size) =
            size.filter(|_| reader != Reader::Watcher && session.terminal.viewers() == 0)
        {
            session.terminal.resize(size);
        }
        let after = match from {
            From::Start => Some(0),
            From::Now => None,
            From::Behind(after) => Some(after),
        };
        let shown = after.unwrap_or_else(|| session.terminal.output_bytes());
        self.emit(
            "terminal_started",
            &Started::new(session, shown, reader == Reader::Watcher),
        );
        let viewer = session.terminal.attach(after);
        let view = View::begin(self, session, viewer, reader, size);
        self.add_view(state, view);
    }

    fn reader(&self, is_new_client: bool) -> Reader {
        match (&self.link, is_new_client) {
            (Some(_), _) => Reader::Watcher,
            (None, true) => Reader::Acknowledging,
            (None, false) => Reader::Older,
        }
    }

    fn refuse_start(&self, ack: AckSender, failed: &Failed) {
        self.fail(failed);
        refuse(ack, failed);
    }
}
