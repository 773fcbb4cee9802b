//! The stand-in for the Claude Code client; see `testkit::stand_in`.

fn main() -> std::process::ExitCode {
    testkit::stand_in::run()
}
