//! What the declarations promise together.

use std::collections::BTreeSet;

use crate::*;

/// Short names and plurals are one space for kubectl.
#[test]
fn names_are_unique() {
    let mut seen = BTreeSet::new();
    for def in all() {
        assert!(seen.insert(def.name.to_string()), "{} is there twice", def.name);
        for short in def.short_names {
            assert!(seen.insert((*short).to_owned()), "{short} is there twice");
        }
    }
}

#[test]
fn what_is_not_kept_can_only_be_created() {
    for def in all() {
        assert_eq!(def.answered.is_some(), def.verbs == [Verb::Create], "{}", def.name);
        assert!(def.answered.is_none() || def.subresources.is_empty(), "{}", def.name);
    }
}

/// An empty object has all its cells: printing never fails on what is not there yet.
#[test]
fn prints_empty_objects() {
    for def in all() {
        let object = (def.decode)(br#"{"metadata":{"name":"a"}}"#).unwrap();
        assert_eq!(object.cells(jiff::Timestamp::UNIX_EPOCH).len(), def.columns.len());
        let value = object.to_value();
        assert_eq!(value["kind"], def.kind);
        assert_eq!(value["apiVersion"], def.api_version);
    }
}

#[test]
fn status_writes_and_main_writes_keep_to_their_parts() {
    let def = find("deployments.apps").unwrap();
    let old = r#"{"metadata":{"name":"a"},"spec":{"replicas":1},"status":{"replicas":1}}"#;
    let new = r#"{"metadata":{"name":"a"},"spec":{"replicas":2},"status":{"replicas":2}}"#;
    for (subresource, spec, status) in [("", 2, 1), ("status", 1, 2)] {
        let old = (def.decode)(old.as_bytes()).unwrap();
        let mut written = (def.decode)(new.as_bytes()).unwrap();
        written.prepare_update(&*old, subresource);
        let value = written.to_value();
        assert_eq!(value["spec"]["replicas"], spec, "{subresource}");
        assert_eq!(value["status"]["replicas"], status, "{subresource}");
    }
}
