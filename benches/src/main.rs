//! `make bench`: figures of the release build, each beside what it is measured against. `ONLY=api`
//! runs one of them.

mod api;
mod footprint;
mod hollow;
mod process;
mod scheduler;

fn main() -> anyhow::Result<()> {
    let only = std::env::var("ONLY").unwrap_or_default();
    let runs = |name: &str| only.is_empty() || only == name;
    println!("commit {}", commit());
    if runs("api") {
        api::run()?;
    }
    if runs("hollow") {
        hollow::run()?;
    }
    if runs("scheduler") {
        scheduler::run();
    }
    if runs("footprint") {
        footprint::run();
    }
    Ok(())
}

/// What was measured: the commit, and whether more than that was built.
fn commit() -> String {
    let described = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .current_dir(tests::root())
        .output();
    described.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
