//! What the program says to the person who typed it: results on standard output, what went wrong on
//! standard error.

use std::io::Write;

/// Prints a result.
pub fn say(text: impl std::fmt::Display) {
    // A reader that has gone (`| head`) is no failure of ours.
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// Prints an error with its causes, in one line.
pub fn complain(error: &anyhow::Error) {
    drop(writeln!(std::io::stderr(), "longshore: {error:#}"));
}
