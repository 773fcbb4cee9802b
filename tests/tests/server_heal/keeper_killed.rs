//! The keeper killed at every step of what it does: the next one brings everything right, and no login is lost.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::chown;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use end_to_end::server::{KEEPER_CALLS, Server, who};
use end_to_end::{HOURS_8, LIMIT};
use rustix::process::Signal;
use serde_json::json;
use testkit::documents::now_ms;
use testkit::token_book::IssuedLogin;
use testkit::token_server::RecordedRequest;
use testkit::{Process, skip, wait_until};

use crate::damage::{DAMAGES, Home};
use crate::machine::{sign_in, stop_the_keeper};

const USERS: [&str; 3] = ["anna", "bert", "carol"];

/// By which it stores, hands out and asks: a takeover is more of the same.
const CALLS_OF_A_TAKEOVER: [&str; 7] = [
    "pwrite64", "write", "fsync", "?rename", "sendmsg", "sendto", "recvfrom",
];

/// A server whose keeper is killed again and again.
struct Doomed {
    server: Server,
    old_view: Vec<u8>,
    damages: Cell<usize>,
    kills: usize,
    lost: usize,
}

/// One life of a keeper, with everything to do that it ever does.
struct Life {
    /// The login that it is to renew.
    login: IssuedLogin,
    /// A server that one of the users has added to his own.
    tool: String,
    place: String,
}

impl Doomed {
    fn new() -> Option<Doomed> {
        let server = Server::with_users(&USERS)?;
        for user in USERS {
            server.wait_for_good_home(user);
        }
        stop_the_keeper(&server);
        if let Some(reason) = server.why_no_doom() {
            skip(reason);
            return None;
        }
        let old_view = server.host.read("/home/anna/.claude/.credentials.json");
        Some(Doomed {
            server,
            old_view,
            damages: Cell::default(),
            kills: 0,
            lost: 0,
        })
    }

    /// Kills keepers at every one of `calls`. `begin` has the login of a life be renewed.
    fn sweep(
        &mut self,
        calls: &[&str],
        begin: impl Fn(&Server) -> IssuedLogin,
        look: impl Fn(&Server, &Life, bool),
    ) {
        self.lose_an_answer(&begin, &look);
        for call in calls {
            let mut number = 1;
            loop {
                let life = self.begin(&begin, format!("killed at {call} number {number}"));
                let doomed = self.server.start_doomed_keeper(call, number);
                let done = || life.is_done(&self.server);
                if self.server.got_through(doomed, done) {
                    break;
                }
                self.succeed(&life, &look);
                number += 1;
            }
        }
    }

    /// Kills a keeper when its login is spent and the answer has yet to come: with the others it is chance.
    fn lose_an_answer(
        &mut self,
        begin: &impl Fn(&Server) -> IssuedLogin,
        look: &impl Fn(&Server, &Life, bool),
    ) {
        let life = self.begin(begin, "killed before the answer".to_owned());
        let tokens = &self.server.tokens;
        tokens.hold_answers();
        let mut keeper = Process::spawn_talking(self.server.command(&["server", "keeper"]));
        wait_until("a spent login", LIMIT, || life.is_spent(&self.server));
        self.server.host.signal(&keeper, Signal::KILL);
        keeper.wait(LIMIT);
        tokens.release();
        let before = self.lost;
        self.succeed(&life, look);
        assert_eq!(self.lost, before + 1, "{}", life.place);
    }

    /// Has another keeper begin after one that was killed.
    fn succeed(&mut self, life: &Life, look: &impl Fn(&Server, &Life, bool)) {
        self.kills += 1;
        let mut next = Process::spawn_talking(self.server.command(&["server", "keeper"]));
        let is_lost = self.wait_until_all_is_well(life, &next);
        let looked = catch_unwind(AssertUnwindSafe(|| look(&self.server, life, is_lost)));
        if let Err(failure) = looked {
            life.tell(&self.server, &next);
            resume_unwind(failure);
        }
        self.lost += usize::from(is_lost);
        self.server.host.signal(&next, Signal::KILL);
        next.wait(LIMIT);
        for line in next.lines() {
            assert!(!line.contains("FAKE"), "{line}");
        }
    }

    fn begin(&self, begin: impl Fn(&Server) -> IssuedLogin, place: String) -> Life {
        let login = begin(&self.server);
        let tool = format!("tool-{}", self.kills);
        add_server(&self.server, "bert", &tool);
        for user in ["anna", "bert"] {
            let number = self.damages.replace(self.damages.get() + 1);
            let (name, damage) = DAMAGES[number % DAMAGES.len()];
            // What the last kill has left may not be what this damage wants; and bert has just written into that file.
            if user == "anna" || !name.contains(".claude.json") {
                drop(damage(&Home::of(&self.server, user, &self.old_view)));
            }
        }
        Life { login, tool, place }
    }

    /// Waits for it; whether the login was lost, with which only the answer to a killed keeper may get lost.
    fn wait_until_all_is_well(&self, life: &Life, keeper: &Process) -> bool {
        let server = &self.server;
        let mut is_lost = false;
        let wait = AssertUnwindSafe(|| {
            wait_until("good homes", LIMIT, || {
                is_lost = life.is_refused(server);
                is_lost || life.is_done(server)
            });
        });
        let waited = catch_unwind(wait);
        let (place, wrong) = (&life.place, life.wrong(server));
        assert!(waited.is_ok(), "{place}: {wrong:#?}\n{:#?}", keeper.lines());
        assert!(!is_lost || life.is_spent(server), "{}", life.place);
        is_lost
    }

    /// Everything works as if nothing had been.
    fn end(self, name: &str, at_least: usize) {
        let (kills, lost) = (self.kills, self.lost);
        eprintln!("{name}: killed {kills} times, {lost} of them with the answer on its way");
        assert!(kills >= at_least && lost > 0 && lost <= kills / 4);
        let server = self.server;
        let keeper = server.start_keeper();
        server.renew();
        for user in USERS {
            server.wait_for_good_home(user);
        }
        wait_until("a status without care", LIMIT, || {
            server.run(&["server", "status"]).status.success()
        });
        // A directory that a damage has moved away, with what a killed keeper had in it, is its user's own affair.
        let moved = ["-path", "/home/*/away", "-prune", "-o"];
        let on_its_way = ["-name", "*on-its-way*", "-print"];
        let left = [&["find", "/home"][..], &moved, &on_its_way].concat();
        let left = server.host.run(&left).success();
        assert_eq!(left.stdout, "");
        drop(keeper);
    }
}

impl Life {
    /// Whether the login was renewed, and everybody has everything.
    fn is_done(&self, server: &Server) -> bool {
        self.wrong(server).is_none()
    }

    fn wrong(&self, server: &Server) -> Option<String> {
        if server.tokens.current("shared").0 == self.login.access_token {
            return Some("the login was not renewed".to_owned());
        }
        let wrong = |user: &str| {
            let about = server.about(user);
            let lacks = about["mcpServers"][&self.tool].is_null();
            let without_tool = lacks.then(|| format!("{user} has no {}: {about}", self.tool));
            server.wrong_in_home(user).or(without_tool)
        };
        USERS.iter().find_map(|user| wrong(user))
    }

    /// What there is to know about a life that did not end well.
    fn tell(&self, server: &Server, keeper: &Process) {
        eprintln!("{}: {:?}", self.place, self.wrong(server));
        eprintln!("{:#?}", self.requests(server));
        eprintln!("{:#?}\n{:#?}", server.status(), keeper.lines());
    }

    /// Whether the server has refused the login.
    fn is_refused(&self, server: &Server) -> bool {
        let refused = |status| (400..500).contains(&status);
        self.requests(server)
            .iter()
            .any(|request| request.answered_status.is_some_and(refused))
    }

    /// Whether the server has given something for the login.
    fn is_spent(&self, server: &Server) -> bool {
        let spent = |request: &RecordedRequest| request.answered_status == Some(200);
        self.requests(server).iter().any(spent)
    }

    /// Those with its login: what a keeper of an earlier life has sent may arrive now.
    fn requests(&self, server: &Server) -> Vec<RecordedRequest> {
        let mut sent = server.tokens.requests();
        sent.retain(|request| request.refresh_token == self.login.refresh_token);
        sent
    }
}

/// As the client does, by a rename.
fn add_server(server: &Server, user: &str, name: &str) {
    let path = server.host.path(&format!("/home/{user}/.claude.json"));
    let new = path.with_extension("new");
    let mut file = server.about(user);
    file["mcpServers"][name] = json!({"type": "stdio", "command": name});
    fs::write(&new, file.to_string()).unwrap();
    chown(&new, Some(server.host.uid_of(user)), None).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn killed_at_each_step_of_healing_and_of_a_renewal() {
    let Some(mut doomed) = Doomed::new() else {
        return;
    };
    // Ten minutes are less than the time before the end at which it is renewed.
    let begin = |server: &Server| sign_in(server, 10 * 60 * 1000);
    doomed.sweep(&KEEPER_CALLS, begin, |server, life, is_lost| {
        if is_lost {
            // It says so, and signing in again is all that it takes; unless what was refused is what the killed one had sent,
            // arriving after the request of the next.
            wait_until("a status that says it", LIMIT, || {
                life.is_done(server) || server.status()["accounts"][0]["state"] == "sign-in-again"
            });
            let _ = sign_in(server, HOURS_8);
            for user in USERS {
                server.wait_for_good_home(user);
            }
        } else {
            assert!(life.is_done(server), "{}", life.place);
        }
    });
    doomed.end("healing and renewing", 60);
}

/// A user has the shared login of a later generation in the place of his view, as clients leave it.
fn sign_in_as_user(server: &Server, user: &str) -> IssuedLogin {
    let login = server.tokens.issue("shared");
    let path = format!("/home/{user}/.claude/.credentials.json");
    let document = login.credentials_expiring_at(now_ms() + HOURS_8 + 60_000);
    let new = server.host.path(&format!("/home/{user}/.claude/new"));
    fs::write(&new, document.to_string()).unwrap();
    chown(&new, Some(server.host.uid_of(user)), None).unwrap();
    // Old enough for who signed in to be known.
    let earlier = std::time::SystemTime::now() - Duration::from_secs(60);
    let times = fs::FileTimes::new().set_modified(earlier);
    fs::File::open(&new).unwrap().set_times(times).unwrap();
    fs::rename(&new, server.host.path(&path)).unwrap();
    assert_eq!(server.about(user)["oauthAccount"], who("shared"));
    login
}

#[test]
fn killed_at_each_step_of_taking_a_login_over() {
    let Some(mut doomed) = Doomed::new() else {
        return;
    };
    let begin = |server: &Server| sign_in_as_user(server, "carol");
    doomed.sweep(&CALLS_OF_A_TAKEOVER, begin, |server, life, is_lost| {
        if is_lost {
            // The login before is back, and was never spent.
            let works = |user: &str| {
                let shown = server.shown_to(user);
                shown.is_some_and(|token| server.tokens.is_valid_access(&token))
            };
            wait_until("a view that works for everybody", LIMIT, || {
                server.status()["accounts"][0]["state"] == "ok"
                    && USERS.iter().all(|user| works(user))
            });
        } else {
            assert!(life.is_done(server), "{}", life.place);
        }
    });
    doomed.end("a takeover", 30);
}
