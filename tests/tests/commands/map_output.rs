//! Whose paths are in what a command outputs.

use end_to_end::machines::PROJECT;

use crate::scene::{begin, session_or_skip, typed};

const WHERE_IT_IS: &str = r#"python3 -c 'import sys; here = __import__("os").getcwd(); print(here); print(f"{here}/a.py:1: wrong", file=sys.stderr); print(f"x{here}")'"#;

#[test]
fn paths_in_output_are_the_servers_where_that_is_asked_for() {
    let Some(machines) = session_or_skip(&["--map-output"]) else {
        return;
    };
    let mount = machines.main_mount();
    let there = typed(&machines, WHERE_IT_IS).success();
    // Whole words of it.
    assert_eq!(there.stdout, format!("{mount}\nx{PROJECT}\n"));
    assert_eq!(there.stderr, format!("{mount}/a.py:1: wrong\n"));
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
    begin(&machines, &[]);
    let here = typed(&machines, WHERE_IT_IS).success();
    assert_eq!(here.stdout, format!("{PROJECT}\nx{PROJECT}\n"));
    assert_eq!(here.stderr, format!("{PROJECT}/a.py:1: wrong\n"));
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}
