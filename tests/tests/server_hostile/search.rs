//! The search for a secret wherever a user can look.

use std::process::Stdio;

use serde_json::{Value, json};
use testkit::{Host, Ran};

/// Reads what to look for from its standard input. A file that has not changed since the machine began cannot hold what
/// was made up later; everything else that this user can read is read, names, links and attributes too.
const SEARCH: &str = r#"
import base64, json, os, stat, sys
wanted = json.load(sys.stdin)
def forms(secret):
    raw = secret.encode()
    yield raw
    yield raw[::-1]
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield raw.decode().encode('utf-16-le')
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift, start in ((0, 0), (1, 2), (2, 3)):
            text = encode(b'\0' * shift + raw)
            bare = text.rstrip(b'=')
            yield bare[start:len(bare) - (1 if len(bare) < len(text) else 0)]
needles = {form for secret in wanted['secrets'] for form in forms(secret)}
found, read, open_processes = [], 0, []
def look(what, content):
    if any(needle in content for needle in needles):
        found.append(what)
def look_into(path):
    global read
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        content = b''
        while True:
            some = os.read(handle, 1 << 20)
            if not some:
                break
            content += some
        read += 1
        look(path, content)
    except OSError:
        pass
    finally:
        os.close(handle)
def walk(directory):
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        if entry.path in wanted['skip']:
            continue
        look(entry.path + ' (name)', os.fsencode(entry.name))
        try:
            facts = entry.stat(follow_symlinks=False)
            if stat.S_ISLNK(facts.st_mode):
                look(entry.path + ' (link)', os.fsencode(os.readlink(entry.path)))
            elif stat.S_ISDIR(facts.st_mode):
                walk(entry.path)
            elif stat.S_ISREG(facts.st_mode) and facts.st_ctime >= wanted['since']:
                for name in os.listxattr(entry.path, follow_symlinks=False):
                    look(entry.path + ' (attribute)', os.getxattr(entry.path, name, follow_symlinks=False))
                look_into(entry.path)
        except OSError:
            pass
walk('/')
look_into('/etc/hostname')
for pid in os.listdir('/proc'):
    if not pid.isdigit() or int(pid) == os.getpid():
        continue
    place = '/proc/' + pid
    for name in ('environ', 'cmdline', 'status', 'stat', 'comm', 'maps', 'auxv', 'mountinfo'):
        look_into(place + '/' + name)
    try:
        mine = os.stat(place).st_uid == os.getuid()
        os.close(os.open(place + '/mem', os.O_RDONLY))
        if not mine:
            open_processes.append(place + '/mem')
    except OSError:
        pass
    try:
        for number in os.listdir(place + '/fd'):
            if os.stat(place).st_uid != os.getuid():
                open_processes.append(place + '/fd/' + number)
    except OSError:
        pass
print(json.dumps({'found': found, 'read': read, 'processes': open_processes}))
"#;

/// What is looked for, and since when it can be anywhere.
pub(crate) struct Search {
    pub(crate) secrets: Vec<String>,
    pub(crate) since_ms: u64,
}

impl Search {
    /// What `user` finds. `everywhere`: also below `/usr`, where there is much and little changes.
    #[track_caller]
    pub(crate) fn as_user(&self, host: &Host, user: &str, everywhere: bool) -> Value {
        let mut skip = vec!["/proc", "/sys", "/dev/pts"];
        if !everywhere {
            skip.extend([
                "/usr",
                "/opt",
                "/var/cache",
                "/var/lib/dpkg",
                "/lib",
                "/lib64",
                "/bin",
                "/sbin",
            ]);
        }
        let wanted = json!({
            "secrets": self.secrets,
            "since": self.since_ms as f64 / 1000.0,
            "skip": skip,
        });
        let mut command = host.command_as_user(user, "python3");
        command.args(["-c", SEARCH]).stdin(Stdio::piped());
        Ran::with_input(command, wanted.to_string().as_bytes())
            .success()
            .json()
    }

    /// Fails if `user` finds anything.
    #[track_caller]
    pub(crate) fn assert_nothing_for(&self, host: &Host, user: &str, when: &str) {
        self.assert_clean(&self.as_user(host, user, false), user, when);
    }

    #[track_caller]
    pub(crate) fn assert_clean(&self, outcome: &Value, user: &str, when: &str) {
        eprintln!("{when}: {user} read {} files", outcome["read"]);
        assert_eq!(outcome["found"], json!([]), "{when}, {user}");
        assert_eq!(outcome["processes"], json!([]), "{when}, {user}");
        assert!(
            outcome["read"].as_u64() > Some(10),
            "{when}, {user}: {outcome}"
        );
    }
}
