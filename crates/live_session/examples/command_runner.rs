//! A runner, for the tests of commands.

fn main() -> std::io::Result<()> {
    runner::run()
}
