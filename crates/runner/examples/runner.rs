//! A runner, for the tests.

fn main() -> std::io::Result<()> {
    runner::run()
}
