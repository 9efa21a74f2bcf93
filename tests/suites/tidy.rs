//! Holds the code against the rules of ARCHITECTURE.md: who may depend on whom, which room names
//! which library, what each room's lib.rs says of itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Each room and the rooms that it may depend on.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("object", &[]),
    ("expression", &["object"]),
    ("kinds", &["expression", "object"]),
    ("planning", &["expression", "kinds", "object"]),
    ("store", &["object"]),
    ("client", &["object", "kinds"]),
    ("api", &["store", "client", "planning", "expression", "kinds", "object"]),
    ("engine", &["planning", "client", "kinds", "object"]),
    ("node", &["planning", "client", "kinds", "object"]),
    ("edge", &["planning", "client", "kinds", "object"]),
    ("web", &["client", "kinds", "object"]),
];

/// Libraries that one room alone may name, and where.
const NAMED_ONLY_IN: &[(&str, &str)] = &[
    ("sqlx::", "server/store/"),
    ("actix_web::", "server/src/http"),
    ("bollard::", "server/node/src/docker"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests stands in the root").to_owned()
}

/// Every Rust file of the product, with its path from the root.
fn sources() -> Vec<(String, String)> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                visit(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["server", "web"] {
        visit(&root().join(folder), &mut found);
    }
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    found.into_iter().map(read).collect()
}

#[test]
fn rooms_depend_only_on_what_the_table_allows() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let table: BTreeMap<&str, BTreeSet<&str>> =
        MAY_DEPEND_ON.iter().map(|(room, may)| (*room, may.iter().copied().collect())).collect();
    let mut seen = 0;
    for package in metadata["packages"].as_array().unwrap() {
        let Some(may) = table.get(package["name"].as_str().unwrap()) else { continue };
        seen += 1;
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            let internal = table.contains_key(name) || name == "longshore";
            assert!(
                !internal || !dependency["kind"].is_null() || may.contains(name),
                "{} may not depend on {name}: see the table in ARCHITECTURE.md",
                package["name"]
            );
        }
    }
    assert_eq!(seen, table.len(), "every room of the table is a package");
}

#[test]
fn libraries_are_named_in_their_room_only() {
    for (file, text) in sources() {
        for (library, room) in NAMED_ONLY_IN {
            assert!(
                !text.contains(library) || file.starts_with(room),
                "{file} names {library}, which only {room} may"
            );
        }
    }
}

#[test]
fn lib_files_state_their_invariant() {
    for (file, text) in sources() {
        if file.ends_with("src/lib.rs") {
            assert!(text.starts_with("//!"), "{file} opens with what the room is");
            assert!(text.contains("**Invariant:**"), "{file} states its invariant");
        }
    }
}

#[test]
fn every_controller_stands_in_the_list() {
    let folder = "server/planning/src/controllers/";
    let list = fs::read_to_string(root().join("server/planning/src/controllers.rs")).unwrap();
    let mut seen = 0;
    for (file, _) in sources() {
        let Some(name) = file.strip_prefix(folder).and_then(|rest| rest.strip_suffix(".rs")) else {
            continue;
        };
        if !name.contains('/') {
            seen += 1;
            assert!(list.contains(&format!(" {name}::CONTROLLER")), "{name} is not in the list");
        }
    }
    assert!(seen > 0, "controllers stand in {folder}");
}

#[test]
fn every_kind_stands_in_the_list_once() {
    let folder = "server/kinds/src/";
    let lib = fs::read_to_string(root().join(folder).join("lib.rs")).unwrap();
    let list = lib.split("\nkinds! {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let declares = |text: &str| text.contains(" Kind for ") || text.contains(" Version for ");
    let mut seen = 0;
    for (file, _) in sources().iter().filter(|(_, text)| declares(text)) {
        let name = file.strip_prefix(folder).and_then(|rest| rest.strip_suffix(".rs"));
        let Some(name) = name.filter(|name| !name.contains('/')) else { continue };
        seen += 1;
        let word = format!("{name}::");
        let listed = list.lines().filter(|line| line.trim_start().starts_with(&word)).count();
        assert_eq!(listed, 1, "{name} stands in the list of {folder}lib.rs once");
    }
    let words = list.lines().filter(|line| line.contains("::")).count();
    assert_eq!(words, seen, "each word of the list is a file");
}

#[test]
fn nothing_is_left_unfinished() {
    let marks =
        [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("todo", "!("), concat!("X", "XX:")];
    for (file, text) in sources() {
        for mark in marks {
            assert!(!text.contains(mark), "{file} contains {mark}");
        }
        assert!(!file.ends_with("/mod.rs"), "{file}: name the file after the module");
    }
}
