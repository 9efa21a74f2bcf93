//! A person's kubectl in a namespace of a server.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
};

use crate::{ControlPlane, Output, run};

/// kubectl in one namespace.
pub struct Desk<'p> {
    pub plane: &'p ControlPlane,
    pub namespace: String,
}

impl<'p> Desk<'p> {
    /// A namespace of its own for what is tried.
    pub fn new(plane: &'p ControlPlane, namespace: &str) -> Self {
        plane.kubectl(&format!("create namespace {namespace}")).ok();
        Self { plane, namespace: namespace.to_owned() }
    }

    /// kubectl with a line of arguments; what stands in single quotes is one argument.
    pub fn run(&self, line: &str) -> Output {
        self.run_with(line, "")
    }

    pub fn run_with(&self, line: &str, input: &str) -> Output {
        run(&mut self.command(line), input)
    }

    /// The same, to be started by the caller.
    pub fn command(&self, line: &str) -> Command {
        let mut command = self.plane.tool("kubectl");
        command.args(["-n", &self.namespace]).args(words(line));
        command
    }

    /// Runs it and looks for all of `parts` in what it prints.
    #[track_caller]
    pub fn shows(&self, line: &str, parts: &[&str]) -> String {
        let printed = self.run(line).ok();
        contains(&format!("kubectl {line}"), &printed, parts);
        printed
    }

    /// Runs it, expects it to fail, and looks for all of `parts` in what it says.
    #[track_caller]
    pub fn refuses(&self, line: &str, parts: &[&str]) {
        contains(&format!("kubectl {line}"), &self.run(line).fails(), parts);
    }

    /// Applies a manifest.
    #[track_caller]
    pub fn apply(&self, manifest: &str) -> String {
        self.run_with("apply -f -", manifest).ok()
    }

    /// A file in the server's folder, for commands that read one.
    pub fn file(&self, name: &str, content: &str) -> String {
        let folder = self.plane.folder.join(&self.namespace);
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).unwrap();
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

/// A line's words, as a shell reads single quotes.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            let glued = !line.split('\'').nth(index - 1).unwrap_or_default().ends_with(' ');
            match words.last_mut() {
                Some(last) if glued && index > 0 => String::push_str(last, part),
                _ => words.push(part.to_owned()),
            }
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[track_caller]
pub fn contains(what: &str, text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{what}: {part:?} is missing in:\n{text}");
    }
}

/// What a suite does with its cluster, by name.
pub type Theme<'t, C> = (&'t str, fn(&C));

/// Tries one theme after the other; the failure of one does not hide the others.
pub fn try_each<C>(cluster: &C, themes: &[Theme<'_, C>]) {
    let failed: Vec<&str> = themes
        .iter()
        .filter(|(_, theme)| catch_unwind(AssertUnwindSafe(|| theme(cluster))).is_err())
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}

#[cfg(test)]
mod tests {
    #[test]
    fn splits_as_a_shell() {
        assert_eq!(super::words("a 'b c' d"), ["a", "b c", "d"]);
        assert_eq!(super::words("a --x='b c' d"), ["a", "--x=b c", "d"]);
    }
}
