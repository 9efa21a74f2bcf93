//! Holds the ledger of conformance behaviours (tests/conformance.md) against the list of them
//! (tests/conformance.tsv) and against the tests, which say in their doc comment what they cover:
//! `/// Conformance: <codename>`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const LEDGER: &str = include_str!("../conformance.md");
const BEHAVIOURS: &str = include_str!("../conformance.tsv");
const MARK: &str = "/// Conformance:";

/// A codename without its tags in brackets, with single spaces.
fn plain(codename: &str) -> String {
    let mut depth = 0;
    let untagged: String = codename
        .chars()
        .filter(|c| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => return depth == 0,
            }
            false
        })
        .collect();
    untagged.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn behaviours() -> BTreeSet<String> {
    BEHAVIOURS.lines().skip(1).map(|line| plain(line.split('\t').nth(1).unwrap())).collect()
}

/// What the ledger says of each behaviour: the tests, as `file::function`, or why there is none.
fn ledger() -> BTreeMap<String, Result<Vec<String>, String>> {
    let mut entries = BTreeMap::new();
    for line in LEDGER.lines().filter(|line| line.starts_with("| ") && !line.contains("| test |")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [codename, says] = cells[..] else { panic!("not two cells: {line}") };
        let entry = match says.strip_prefix("not yet: ") {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(says.split(", ").map(|test| test.trim_matches('`').to_owned()).collect()),
        };
        assert!(entries.insert(codename.to_owned(), entry).is_none(), "twice: {codename}");
    }
    entries
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests stands in the root").to_owned()
}

/// What each test function of the code says that it covers, by `file::function`.
fn marked_tests() -> BTreeMap<String, BTreeSet<String>> {
    fn visit(folder: &Path, found: &mut BTreeMap<String, BTreeSet<String>>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                visit(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                for (function, covered) in marks(&fs::read_to_string(path).unwrap()) {
                    found.insert(format!("{name}::{function}"), covered);
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    for folder in ["server", "web", "tests"] {
        visit(&root().join(folder), &mut found);
    }
    found
}

/// The functions of a file with a mark above them. A codename may run over several lines.
fn marks(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut found = Vec::new();
    let mut covered: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim) {
        if let Some(codename) = line.strip_prefix(MARK) {
            covered.push(codename.trim().to_owned());
            open = true;
        } else if let Some(rest) = line.strip_prefix("///") {
            open = open && !rest.trim().is_empty();
            if let (true, Some(last)) = (open, covered.last_mut()) {
                last.push_str(rest);
            }
        } else if let Some((_, after)) = line.split_once("fn ") {
            let name = after.split(['(', '<']).next().unwrap_or_default();
            if !covered.is_empty() {
                found.push((name.to_owned(), covered.drain(..).map(|c| plain(&c)).collect()));
            }
        } else if !line.starts_with("#[") {
            covered.clear();
        }
    }
    found
}

#[test]
fn every_behaviour_stands_in_the_ledger() {
    let listed: BTreeSet<String> = ledger().into_keys().collect();
    let missing: Vec<_> = behaviours().difference(&listed).cloned().collect();
    assert!(missing.is_empty(), "add these to tests/conformance.md: {missing:#?}");
    let unknown: Vec<_> = listed.difference(&behaviours()).cloned().collect();
    assert!(unknown.is_empty(), "tests/conformance.tsv does not know: {unknown:#?}");
}

#[test]
fn every_test_of_the_ledger_is_there_and_says_what_it_covers() {
    let marked = marked_tests();
    for (codename, entry) in ledger() {
        for test in entry.into_iter().flatten() {
            let covered = marked.get(&test).unwrap_or_else(|| panic!("no test {test}: {codename}"));
            assert!(covered.contains(&codename), "{test} does not say that it covers: {codename}");
        }
    }
}

#[test]
fn every_marked_test_stands_in_the_ledger() {
    let ledger = ledger();
    let mut missing = Vec::new();
    for (test, covered) in marked_tests() {
        for codename in covered {
            let listed = ledger
                .get(&codename)
                .is_some_and(|entry| matches!(entry, Ok(tests) if tests.contains(&test)));
            if !listed {
                missing.push(format!("| {codename} | `{test}` |"));
            }
        }
    }
    assert!(missing.is_empty(), "write into tests/conformance.md:\n{}", missing.join("\n"));
}
