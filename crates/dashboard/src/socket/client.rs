//! One connected socket: what it asks for is done in the order in which it asks.
//!
//! socketioxide calls the handlers in order from the one task that reads the connection, but runs
//! the futures that they return each in a task of its own. So the work is done in the call, and the
//! future is one that is ready. Only starting a program takes time; what comes meanwhile waits in a
//! queue.

use std::collections::{HashMap, VecDeque};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::socket::Sid;
use terminal::Size;

use super::admission::{Auth, identify};
use super::events::Failed;
use super::messages::{Input, MaybeNothing, Parsed, Resize, Start, Which};
use super::sockets::Sockets;
use super::view::View;
use super::wire::Wire;
use crate::access::Caller;
use crate::app::App;
use crate::clock;
use crate::terminals::{Kind, Link, STOPPED, Session};

/// How much may wait while a program is being started, in bytes: 65,536 keys, each a request, or a large paste.
const MOST_WAITING: usize = 32 << 20;
/// What a request that waits takes beside what is typed, in bytes.
const WAITING: usize = 512;
/// How many sessions one socket may look at.
const MOST_VIEWS: usize = 64;
/// How long the last words to a client may take before its connection is cut.
const FAREWELL: Duration = Duration::from_secs(1);

/// See the head of this file.
pub(super) struct Client {
    pub(super) app: Arc<App>,
    pub(super) id: Sid,
    pub(super) caller: Caller,
    /// What it may watch, and nothing else, if it came with a link.
    pub(super) link: Option<Link>,
    pub(super) wire: Arc<Wire>,
    io: SocketIo,
    sockets: Weak<Sockets>,
    auth: Auth,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// By session.
    pub(super) views: HashMap<String, View>,
    /// The session that this client has started last.
    pub(super) last: Option<String>,
    /// Something is being started: what comes now waits.
    pub(super) is_busy: bool,
    waiting: VecDeque<(Command, AckSender)>,
    /// What they take, in bytes.
    waiting_length: usize,
    /// What it looked at when it went, while it still waits for something of that to be ended.
    left: HashMap<String, Arc<Session>>,
    is_ready: bool,
    is_closed: bool,
}

enum Command {
    Start(Kind, Start),
    Input(Input),
    Resize(Resize),
    Stop(Which),
    Detach(Which),
    Parsed(Parsed),
}

impl Command {
    /// What it takes while it waits, in bytes.
    fn length(&self) -> usize {
        WAITING
            + match self {
                Self::Input(input) => input.data.len(),
                _ => 0,
            }
    }
}

impl Client {
    pub(super) fn new(
        app: &Arc<App>,
        sockets: &Arc<Sockets>,
        id: Sid,
        caller: Caller,
        link: Option<Link>,
        auth: Auth,
        wire: &Arc<Wire>,
    ) -> Arc<Self> {
        Arc::new(Self {
            app: Arc::clone(app),
            id,
            caller,
            link,
            wire: Arc::clone(wire),
            io: sockets.io.clone(),
            sockets: Arc::downgrade(sockets),
            auth,
            state: Mutex::default(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an event. A client that it cannot be sent to has lost its connection, or loses it now.
    pub(super) fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) {
        let sent = self
            .io
            .get_socket(self.id)
            .map(|socket| socket.emit(event, data));
        if !matches!(sent, Some(Ok(()))) {
            self.wire.cut();
        }
    }

    pub(super) fn fail(&self, failed: &Failed) {
        self.emit("terminal_error", failed);
    }

    /// Looks no longer, and does nothing any more; but a client that has gone by itself may have
    /// asked before that what is being started to be ended.
    fn close(&self, is_lost: bool) {
        let views = {
            let mut state = self.state();
            state.is_closed = true;
            state.keep_stops(is_lost);
            let views = std::mem::take(&mut state.views);
            views.values().for_each(|view| state.leave(view));
            views
        };
        if views.is_empty() {
            return;
        }
        for view in views.into_values() {
            view.end(is_lost);
        }
        self.app.terminals.tell_of_change();
    }

    /// Whether the rights that it came with are still there.
    pub(super) fn is_admitted(&self, socket: &SocketRef) -> bool {
        identify(&self.app, socket, &self.auth, &self.wire).is_ok()
    }

    /// See [`Client::is_admitted`]; also of one that is gone.
    pub(super) fn is_still_admitted(&self) -> bool {
        let socket = self.io.get_socket(self.id);
        socket.is_none_or(|socket| self.is_admitted(&socket))
    }

    /// Whether it holds a session as older clients do, which cannot attach to one.
    pub(super) fn is_older(&self) -> bool {
        self.state().views.values().any(View::is_older)
    }

    /// Its connection is taken for lost.
    pub(super) fn lose(&self) {
        self.close(true);
        self.wire.cut();
    }

    /// Has what this client's browser has left behind elsewhere taken for lost.
    pub(super) fn cut_left_behind(&self) {
        if let Some(sockets) = self.sockets.upgrade() {
            sockets.cut_left_behind(self);
        }
    }

    /// Ends the connection from this side, for good.
    pub(super) fn disconnect(self: &Arc<Self>) {
        self.close(false);
        if let Some(socket) = self.io.get_socket(self.id) {
            // Fails for one that is gone.
            drop(socket.disconnect());
        }
        let wire = Arc::clone(&self.wire);
        tokio::spawn(async move {
            tokio::time::sleep(FAREWELL).await;
            wire.cut();
        });
    }

    fn receive(self: &Arc<Self>, command: Command, ack: AckSender) {
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        if !state.is_ready && !state.is_busy {
            // It may hear that it is connected, and ask, before events can be sent to it.
            state.is_ready = self.is_connected();
            if !state.is_ready {
                state.is_busy = true;
                tokio::spawn(Arc::clone(self).get_ready());
            }
        }
        match command {
            Command::Parsed(parsed) => acknowledge(&state, &parsed, ack),
            command if state.is_busy => self.wait(&mut state, command, ack),
            command => self.apply(&mut state, command, ack),
        }
    }

    fn is_connected(&self) -> bool {
        self.io
            .get_socket(self.id)
            .is_some_and(|socket| socket.connected())
    }

    async fn get_ready(self: Arc<Self>) {
        while !self.is_connected() && !self.state().is_closed {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.state().is_ready = true;
        self.go_on();
    }

    fn wait(&self, state: &mut State, command: Command, ack: AckSender) {
        let length = command.length();
        if state.waiting_length + length > MOST_WAITING {
            return refuse(ack, &Failed::new("too much waits already"));
        }
        state.waiting_length += length;
        state.waiting.push_back((command, ack));
    }

    /// What was started is: now what has waited for it.
    pub(super) fn go_on(self: &Arc<Self>) {
        let mut state = self.state();
        state.is_busy = false;
        while !state.is_busy {
            let Some((command, ack)) = state.waiting.pop_front() else {
                state.left.clear();
                return;
            };
            state.waiting_length -= command.length();
            self.apply(&mut state, command, ack);
        }
    }

    fn apply(self: &Arc<Self>, state: &mut State, command: Command, ack: AckSender) {
        match command {
            Command::Start(kind, start) => self.start(state, kind, start, ack),
            Command::Input(input) => self.input(state, input, ack),
            Command::Resize(resize) => resize_view(state, &resize, ack),
            Command::Stop(which) => self.stop(state, which.session, ack),
            Command::Detach(which) => self.detach(state, which.session, ack),
            Command::Parsed(parsed) => acknowledge(state, &parsed, ack),
        }
    }

    fn input(&self, state: &State, input: Input, ack: AckSender) {
        let Some(view) = state.view(input.session.as_deref()) else {
            return refuse(ack, &no_session(input.session));
        };
        match view.typing() {
            Some(typing) => typing.input(Bytes::from(input.data), ack),
            None => refuse(ack, &only_watching()),
        }
    }

    fn stop(&self, state: &State, session: Option<String>, ack: AckSender) {
        let found = match state.view(session.as_deref()) {
            Some(view) if view.is_read_only() => return refuse(ack, &only_watching()),
            Some(view) => Some(&view.session),
            None => state.left(session.as_deref()),
        };
        let Some(found) = found else {
            return refuse(ack, &no_session(session));
        };
        found.end();
        let (account, id) = (&found.account, &found.id);
        self.app
            .note(&self.caller, STOPPED, Some(account), Some(id));
        answer(ack);
    }

    fn detach(&self, state: &mut State, session: Option<String>, ack: AckSender) {
        let session = session.or_else(|| state.last.clone());
        if let Some(view) = session.and_then(|session| state.views.remove(&session)) {
            view.end(false);
            self.app.terminals.tell_of_change();
        }
        answer(ack);
    }

    /// A view has told all there was.
    pub(super) fn view_is_over(&self, session: &str, number: u64) {
        let mut state = self.state();
        if state
            .views
            .get(session)
            .is_some_and(|view| view.number == number)
        {
            let over = state.views.remove(session);
            drop(state);
            if let Some(view) = over {
                view.end(false);
            }
            self.app.terminals.tell_of_change();
        }
    }

    /// Takes a view in; one of the same session makes room for it.
    pub(super) fn add_view(&self, state: &mut State, view: View) {
        if state.is_closed {
            state.leave(&view);
            return view.end(true);
        }
        if let Some(earlier) = state.views.insert(view.session.id.clone(), view) {
            earlier.end(false);
        }
        self.app.terminals.tell_of_change();
    }

    /// Disconnects somebody with a link when that expires.
    async fn expire(client: Weak<Self>, expires_at: i64) {
        let left = u64::try_from(expires_at - clock::now()).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(left)).await;
        if let Some(client) = client.upgrade() {
            client.fail(&Failed::new("this link has expired"));
            client.disconnect();
        }
    }
}

impl State {
    /// The view of `session`, or of the one started last.
    fn view(&self, session: Option<&str>) -> Option<&View> {
        self.views.get(session.or(self.last.as_deref())?)
    }

    /// Of those that the client looked at when it went.
    fn left(&self, session: Option<&str>) -> Option<&Arc<Session>> {
        self.left.get(session.or(self.last.as_deref())?)
    }

    /// The client has gone: see [`State::left`].
    fn leave(&mut self, view: &View) {
        if !self.waiting.is_empty() && !view.is_read_only() {
            let session = &view.session;
            self.left.insert(session.id.clone(), Arc::clone(session));
        }
    }

    /// The client has gone: of what waits, only what ends a session is still done, if it went by
    /// itself. What nobody starts any more need not be ended.
    fn keep_stops(&mut self, is_lost: bool) {
        let mut starts_another = false;
        self.waiting.retain(|(command, _)| match command {
            Command::Stop(which) => is_lost && (which.session.is_some() || !starts_another),
            Command::Start(..) => {
                starts_another = true;
                false
            }
            _ => false,
        });
        let lengths = self.waiting.iter().map(|(command, _)| command.length());
        self.waiting_length = lengths.sum();
    }

    pub(super) fn has_room(&self) -> bool {
        self.views.len() < MOST_VIEWS
    }
}

/// Has `client` hear what its socket receives.
pub(super) fn listen(client: &Arc<Client>, socket: &SocketRef) {
    on(client, socket, "start_terminal", |start| {
        Command::Start(Kind::Terminal, start)
    });
    on(client, socket, "start_login", |start| {
        Command::Start(Kind::Login, start)
    });
    on(client, socket, "terminal_input", Command::Input);
    on(client, socket, "resize_terminal", Command::Resize);
    on(client, socket, "stop_terminal", |MaybeNothing(which)| {
        Command::Stop(which)
    });
    on(client, socket, "detach_terminal", |MaybeNothing(which)| {
        Command::Detach(which)
    });
    on(client, socket, "terminal_ack", Command::Parsed);
    let expiry = client.link.as_ref().map(|link| {
        tokio::spawn(Client::expire(Arc::downgrade(client), link.expires_at)).abort_handle()
    });
    let gone = Arc::clone(client);
    socket.on_disconnect(move || {
        // Whoever comes and goes leaves nothing that waits for a day.
        if let Some(expiry) = &expiry {
            expiry.abort();
        }
        if let Some(sockets) = gone.sockets.upgrade() {
            sockets.remove(gone.id);
        }
        gone.close(true);
        // A writer that is stuck would never end otherwise.
        gone.wire.cut();
        ready(())
    });
}

fn on<T: DeserializeOwned + Send + Sync + 'static>(
    client: &Arc<Client>,
    socket: &SocketRef,
    event: &'static str,
    command: impl Fn(T) -> Command + Clone + Send + Sync + 'static,
) {
    let client = Arc::clone(client);
    socket.on(event, move |TryData(data): TryData<T>, ack: AckSender| {
        match data {
            Ok(data) => client.receive(command(data), ack),
            Err(_) => {
                let failed = Failed::new(format!("{event}: this is not what is expected"));
                client.fail(&failed);
                refuse(ack, &failed);
            }
        }
        ready(())
    });
}

fn resize_view(state: &State, resize: &Resize, ack: AckSender) {
    let Some(view) = state.view(resize.session.as_deref()) else {
        return refuse(ack, &no_session(resize.session.clone()));
    };
    match view.resize(Size::clamped(resize.rows, resize.cols)) {
        true => answer(ack),
        false => refuse(ack, &only_watching()),
    }
}

fn acknowledge(state: &State, parsed: &Parsed, ack: AckSender) {
    if let Some(view) = state.views.get(&parsed.session) {
        view.parsed(parsed.after);
    }
    answer(ack);
}

/// Tells that it is done, if somebody asked to be told.
pub(super) fn answer(ack: AckSender) {
    // Fails for one that is gone.
    drop(ack.send(&json!({})));
}

/// Tells that it is not done, if somebody asked to be told.
pub(super) fn refuse(ack: AckSender, failed: &Failed) {
    drop(ack.send(failed));
}

fn no_session(session: Option<String>) -> Failed {
    Failed::new("this connection looks at no such session").of(session)
}

fn only_watching() -> Failed {
    Failed::new("a link is good for watching alone")
}
