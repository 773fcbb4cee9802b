//! Neither a refresh token nor a key is ever where a managed user can read it.

use std::process::Stdio;

use end_to_end::server::{Server, VAULT};
use end_to_end::{HOURS_8, LIMIT};
use serde_json::json;
use testkit::documents::now_ms;
use testkit::token_book::IssuedLogin;
use testkit::{Process, Ran, skip};

use crate::search::Search;

const KEY: &str = "sk-ant-api03-FAKE-key-that-nobody-reads-1a2b3c4d";

/// Steps of a keeper that hands out the first view, renews and hands out the next one.
const STEPS: [(&str, usize); 10] = [
    ("sendmsg", 1),
    ("sendmsg", 3),
    ("sendto", 1),
    ("sendto", 4),
    ("recvfrom", 1),
    ("recvfrom", 5),
    ("pwrite64", 4),
    ("fsync", 2),
    ("?rename", 1),
    ("sendmsg", 8),
];

/// Every form that is looked for, in files of the user's own.
const PLANT: &str = r#"
import base64, os, sys
secret = sys.argv[1].encode()
os.makedirs('planted')
forms = [secret, secret[::-1], secret.hex().encode()] + [base64.b64encode(b'x' * shift + secret + b'yz') for shift in range(3)]
for number, form in enumerate(forms):
    with open('planted/%d' % number, 'wb') as file:
        file.write(b'before ' + form + b' after')
os.symlink(secret, 'planted/link')
os.setxattr('planted/0', 'user.of-mine', secret)
print(len(forms) + 2)
"#;

/// Stops a process that works for this user, and tries to look into it; then the same with one of his own.
const CATCH: &str = r#"
import ctypes, json, os, signal, subprocess, time
libc = ctypes.CDLL(None, use_errno=True)
me = os.getpid()
view = os.path.join(os.environ['HOME'], '.claude/.credentials.json')
def stopped():
    for name in os.listdir('/proc'):
        if not name.isdigit() or int(name) == me:
            continue
        try:
            status = open('/proc/%s/status' % name).read()
        except OSError:
            continue
        if '\nUid:\t%d\t%d\t%d' % ((os.getuid(),) * 3) in status and 'State:\tT' in status:
            return int(name)
def catch():
    while True:
        try:
            os.remove(view)
        except OSError:
            pass
        # It lives for milliseconds.
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            try:
                os.kill(-1, signal.SIGSTOP)
            except OSError:
                pass
        pid = stopped()
        if pid:
            return pid
def attempts(pid):
    place = '/proc/%d/' % pid
    done = []
    def attempt(what, action):
        try:
            if action() is not False:
                done.append(what)
        except OSError:
            pass
    def read(name):
        with open(place + name, 'rb') as file:
            return len(file.read(64)) > 0
    for name in ('environ', 'maps', 'auxv', 'pagemap', 'io', 'syscall'):
        attempt(name, lambda: read(name))
    attempt('mem', lambda: os.close(os.open(place + 'mem', os.O_RDONLY)))
    attempt('mem for writing', lambda: os.close(os.open(place + 'mem', os.O_RDWR)))
    for name in ('fd', 'map_files', 'fdinfo'):
        attempt(name, lambda: os.listdir(place + name))
    for name in ('exe', 'cwd', 'root', 'fd/0', 'fd/1'):
        attempt(name, lambda: os.readlink(place + name))
    def memory():
        buffer = ctypes.create_string_buffer(8)
        class Part(ctypes.Structure):
            _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
        mine = Part(ctypes.addressof(buffer), 8)
        other = Part(0x1000, 8)
        libc.process_vm_readv(pid, ctypes.byref(mine), 1, ctypes.byref(other), 1, 0)
        # EFAULT: allowed, though there is nothing.
        return ctypes.get_errno() == 14
    attempt('process_vm_readv', memory)
    handle = os.pidfd_open(pid)
    def descriptor():
        return any(libc.syscall(438, handle, number, 0) >= 0 for number in range(32))
    attempt('pidfd_getfd', descriptor)
    os.close(handle)
    attempt('ptrace', lambda: libc.ptrace(0x4206, pid, None, None) == 0)
    return done
pid = catch()
told = {'worker': attempts(pid)}
os.kill(-1, signal.SIGKILL)
own = subprocess.Popen(['sleep', '1000'])
time.sleep(0.1)
told['own'] = attempts(own.pid)
own.kill()
print(json.dumps(told))
"#;

#[test]
fn nothing_of_it_where_a_user_can_read() {
    let since_ms = now_ms() - 1000;
    let users = ["anna", "former", "keyed", "mallory"];
    let Some(server) = Server::with_users(&users) else {
        return;
    };
    let host = &server.host;
    if !host.exists("/usr/bin/python3") {
        return skip("needs python3");
    }
    let mut command = host.command("claude-accounts");
    command.args(["--vault", VAULT, "add", "billed", "--key-stdin"]);
    drop(Ran::with_input(command, KEY.as_bytes()).success());
    drop(
        server
            .run(&["server", "assign", "keyed", "billed"])
            .success(),
    );
    let token = server.tokens.current("shared").1;
    let mut search = Search {
        secrets: vec![common_part(&token), KEY.to_owned()],
        since_ms,
    };

    // A search that finds nothing would prove nothing.
    let planted = host
        .run_quickly_as("mallory", &["python3", "-c", PLANT, &token])
        .success();
    let outcome = search.as_user(host, "mallory", false);
    let found = outcome["found"].as_array().unwrap();
    assert_eq!(found.len().to_string(), planted.stdout.trim(), "{outcome}");
    host.run(&["rm", "-r", "/home/mallory/planted"]).success();

    for user in users {
        search.assert_nothing_for(host, user, "after init");
    }
    let everywhere = search.as_user(host, "mallory", true);
    search.assert_clean(&everywhere, "mallory", "after init, everywhere");

    // What a process is told, and what the list of processes shows.
    for words in [
        &["claude-share", "key"][..],
        &["claude-share", "server", "status"],
        &["cat", "/var/lib/claude-share/keeper.log"],
        &["ls", "-R", "/var/lib/claude-share"],
        &["ps", "auxwwe"],
    ] {
        let ran = host.run_quickly_as("mallory", words);
        assert!(!format!("{ran:?}").contains("FAKE"), "{ran:#?}");
    }
    assert!(!server.keeper_log().contains("FAKE"));

    // While a renewal is under way, before and after its token is spent.
    for hold in [
        testkit::TokenServer::hold,
        testkit::TokenServer::hold_answers,
    ] {
        let requests = server.tokens.request_count();
        hold(&server.tokens);
        let mut renewing = Process::spawn(renewal(&server));
        server.tokens.wait_for_requests(requests + 1);
        search.assert_nothing_for(host, "mallory", "during a renewal");
        server.tokens.release();
        assert!(renewing.wait(LIMIT).success());
        server.wait_for_view("anna");
    }

    drop(
        server
            .run(&["server", "remove-user", "former", "-y"])
            .success(),
    );
    search.assert_nothing_for(host, "former", "after remove-user");

    search_after_kills(&server, &mut search);
    server.renew();
    server.wait_for_good_home("anna");
    server.wait_for_good_home("mallory");
    search.assert_nothing_for(host, "keyed", "at the end");
    let ran = host
        .run_quickly_as("keyed", &["claude-share", "key"])
        .success();
    assert_eq!(ran.stdout.trim(), KEY);
}

/// With the keeper killed as it hands something new to the homes, stores it or asks for it.
fn search_after_kills(server: &Server, search: &mut Search) {
    stop_the_keeper(server);
    if let Some(reason) = server.why_no_doom() {
        return skip(reason);
    }
    for (call, number) in STEPS {
        // Less than the time before the end at which it is renewed.
        let login = sign_in(server, search, 10 * 60 * 1000);
        let host = &server.host;
        let done = || {
            let shown = server.shown_to("anna");
            shown == Some(server.tokens.current("shared").0)
                && shown.as_ref() != Some(&login.access_token)
        };
        server.got_through(server.start_doomed_keeper(call, number), done);
        let when = format!("the keeper killed at {call} number {number}");
        search.assert_nothing_for(host, "mallory", &when);
        drop(server.run(&["server", "sync"]).success());
        search.assert_nothing_for(host, "anna", &format!("{when}, and started again"));
        stop_the_keeper(server);
    }
    // The last one may have been lost on its way.
    let _ = sign_in(server, search, HOURS_8);
    drop(server.run(&["server", "sync"]).success());
}

/// What all generations of a refresh token have in common.
fn common_part(token: &str) -> String {
    let common = token.rsplit_once('-').unwrap().0;
    assert!(
        common.starts_with("sk-ant-ort01-FAKEshared-") && common.len() > 30,
        "{common}"
    );
    common.to_owned()
}

/// Gives the vault another login, which is searched for from now on.
fn sign_in(server: &Server, search: &mut Search, left_ms: u64) -> IssuedLogin {
    let login = server.tokens.issue("shared");
    search.secrets.push(common_part(&login.refresh_token));
    let document = login.credentials_expiring_at(now_ms() + left_ms);
    let captured = "/root/captured.json";
    server.host.write(captured, document.to_string(), 0o600);
    server.refresh(&["--vault", VAULT, "login", "default", "--capture", captured]);
    login
}

fn stop_the_keeper(server: &Server) {
    let pid = server.status()["keeper"]["pid"].to_string();
    server.host.run(&["kill", "-KILL", &pid]).success();
}

/// As [`Server::renew`], in the background.
fn renewal(server: &Server) -> std::process::Command {
    let mut command = server.host.command("claude-accounts");
    command
        .args(["--vault", VAULT, "refresh", "--all"])
        .env("CLAUDE_ACCOUNTS_TOKEN_URL", server.tokens.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn the_processes_that_work_for_a_user_are_closed_to_him() {
    let Some(server) = Server::with_users(&["anna", "mallory"]) else {
        return;
    };
    if !server.host.exists("/usr/bin/python3") {
        return skip("needs python3");
    }
    let ran = server
        .host
        .run_quickly_as("mallory", &["python3", "-c", CATCH])
        .success();
    eprintln!("{}", ran.stdout);
    let told = ran.json();
    assert_eq!(told["worker"], json!([]));
    // The same attempts succeed with a process of his own, so they were good ones.
    let own = told["own"].as_array().unwrap();
    for way in ["environ", "maps", "fd", "exe"] {
        assert!(own.contains(&json!(way)), "{told}");
    }
    server.renew();
    server.wait_for_good_home("anna");
    server.wait_for_good_home("mallory");
}
