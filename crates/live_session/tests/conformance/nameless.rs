//! Files without a name: the mount has none, and says so in the way that programs go on from.

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use crate::programs::{command, find, run};
use crate::session::with_session;

/// Makes a temporary file in the directory `$1`, and leaves nothing there.
const SCRIPT: &str = "
import os, sys, tempfile
with tempfile.TemporaryFile(dir=sys.argv[1]) as file:
    file.write(b'contents')
    file.seek(0)
    assert file.read() == b'contents'
assert os.listdir(sys.argv[1]) == []
";

#[test]
fn a_file_without_a_name_is_refused_and_programs_make_one_with_a_name() {
    let name = "nameless::a_file_without_a_name_is_refused_and_programs_make_one_with_a_name";
    with_session(name, |session| {
        let mode = Mode::RUSR | Mode::WUSR;
        for access in [OFlags::RDWR, OFlags::WRONLY] {
            let opened = open(session.server(""), OFlags::TMPFILE | access, mode);
            assert_eq!(opened.unwrap_err(), Errno::OPNOTSUPP);
        }
        if find("python3", "apt-get install python3").is_none() {
            return;
        }
        let mut python = command(session, "python3", &session.beside(""));
        python.args(["-c", SCRIPT]).arg(session.server(""));
        run(python);
    });
}
