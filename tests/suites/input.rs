//! Readers of untrusted bytes, tried with random input of the sorts that reach them.

use proptest::{prelude::*, test_runner::TestRunner};
use tests::input::{READERS, envelope};

/// Text made of the words of what is read: JSON, patches, selectors, quantities, CEL.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "(",
    ")",
    "!",
    "=",
    "==",
    "!=",
    " in ",
    " notin ",
    ".",
    "?",
    "+",
    "-",
    "*",
    "/",
    "%",
    "<",
    ">",
    "&&",
    "||",
    "1",
    "0",
    "9223372036854775808",
    "1e9999",
    "0.5",
    "-1",
    "Ki",
    "m",
    "E",
    "null",
    "true",
    "\"op\":",
    "\"add\"",
    "\"copy\"",
    "\"move\"",
    "\"test\"",
    "\"path\":",
    "\"from\":",
    "\"value\":",
    "\"/\"",
    "\"/metadata\"",
    "\"/spec/template\"",
    "\"-\"",
    "\"$patch\":",
    "\"delete\"",
    "\"replace\"",
    "\"merge\"",
    "\"$retainKeys\":",
    "\"$setElementOrder/containers\":",
    "\"$deleteFromPrimitiveList/finalizers\":",
    "\"metadata\":",
    "\"spec\":",
    "\"containers\":",
    "\"name\":",
    "\"a\"",
    "\"ports\":",
    "\"containerPort\":",
    "\"labels\":",
    "\"finalizers\":",
    "\"managedFields\":",
    "\"apiVersion\":\"apps/v1\"",
    "\"kind\":\"Deployment\"",
    "a",
    "b",
    "self",
    "oldSelf",
    "has(",
    "all(",
    "map(",
    "x,",
    "'",
    "&a ",
    "*a",
    "\n",
    "  ",
    "- ",
    "|",
    "\\u0000",
    "\u{feff}",
    "é",
];

fn texts() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::sample::select(WORDS), 0..60)
        .prop_map(|words| words.concat().into_bytes())
}

/// JSON objects of the names that patches look for.
fn objects() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1".to_owned()),
        Just("\"a\"".to_owned()),
        Just("\"delete\"".to_owned()),
        Just("\"replace\"".to_owned()),
    ];
    let names = proptest::sample::select(vec![
        "metadata",
        "spec",
        "template",
        "containers",
        "name",
        "ports",
        "containerPort",
        "labels",
        "finalizers",
        "$patch",
        "$retainKeys",
        "$setElementOrder/containers",
        "env",
        "a",
        "volumes",
        "$deleteFromPrimitiveList/finalizers",
        "emptyDir",
        "apiVersion",
        "kind",
        "protocol",
    ]);
    let values = leaf.prop_recursive(8, 64, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::btree_map(names.clone(), inner, 0..5).prop_map(|fields| {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    });
    values.prop_map(String::into_bytes)
}

#[test]
fn readers_answer_any_input() {
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    let inputs = prop_oneof![bytes, texts(), objects()];
    let mut runner = TestRunner::new(ProptestConfig::with_cases(3000));
    runner
        .run(&inputs, |input| {
            for (_, read) in READERS {
                read(&input);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn readers_answer_deep_input() {
    for (open, close) in [
        ("{\"a\":", "}"),
        ("[", "]"),
        ("(", ")"),
        ("{a: ", "}"),
        ("!", ""),
        ("-", ""),
        ("a.", ""),
        ("a ? b : ", "c"),
        ("[a, ", "]"),
        ("\"", "\""),
        ("- ", ""),
    ] {
        for depth in [100, 1_000, 20_000] {
            let text = open.repeat(depth) + "1" + &close.repeat(depth);
            for (_, read) in READERS {
                read(text.as_bytes());
            }
        }
    }
    let mut nested = Vec::new();
    for _ in 0..10_000 {
        nested = [&[0x0a, 0xff, 0xff, 0x03][..], &nested[..nested.len().min(60_000)]].concat();
    }
    for (_, read) in READERS {
        read(&nested);
        read(&envelope("v1", "Pod", &nested));
    }
}
