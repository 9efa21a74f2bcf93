use serde_json::json;

use super::*;

fn told(schema: Value, value: Value) -> Vec<String> {
    let root = json!({"type": "object", "properties": {"spec": schema}});
    let structure = Structure::read(&serde_json::from_value(root).unwrap());
    let mut errors = FieldErrors::default();
    check(&json!({"spec": value}), &structure, &mut errors);
    errors.0.iter().map(ToString::to_string).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn words_faults_as_kubernetes_does() {
    for (schema, value, expected) in [
        (
            json!({"type": "string"}),
            json!(1),
            "spec: Invalid value: \"integer\": spec in body must be of type string: \"integer\"",
        ),
        (
            json!({"type": "integer"}),
            json!(1.5),
            "spec: Invalid value: \"number\": spec in body must be of type integer: \"number\"",
        ),
        (
            json!({"type": "string"}),
            json!(null),
            "spec: Invalid value: \"null\": spec in body must be of type string: \"null\"",
        ),
        (
            json!({"x-kubernetes-int-or-string": true}),
            json!(true),
            "spec: Invalid value: \"boolean\": spec in body must be of type integer,string: \"boolean\"",
        ),
        (
            json!({"type": "integer", "minimum": 1}),
            json!(0),
            "spec: Invalid value: 0: spec in body should be greater than or equal to 1",
        ),
        (
            json!({"type": "integer", "maximum": 10, "exclusiveMaximum": true}),
            json!(10),
            "spec: Invalid value: 10: spec in body should be less than 10",
        ),
        (
            json!({"type": "number", "multipleOf": 0.5}),
            json!(0.7),
            "spec: Invalid value: 0.7: spec in body should be a multiple of 0.5",
        ),
        (
            json!({"type": "string", "maxLength": 2}),
            json!("abc"),
            "spec: Too long: may not be more than 2 bytes",
        ),
        (
            json!({"type": "string", "minLength": 2}),
            json!("a"),
            "spec: Invalid value: \"a\": spec in body should be at least 2 chars long",
        ),
        (
            json!({"type": "string", "pattern": "^a+$"}),
            json!("b"),
            "spec: Invalid value: \"b\": spec in body should match '^a+$'",
        ),
        (
            json!({"type": "string", "enum": ["a", "b"]}),
            json!("c"),
            "spec: Unsupported value: \"c\": supported values: \"a\", \"b\"",
        ),
        (
            json!({"type": "string", "format": "date-time"}),
            json!("now"),
            "spec: Invalid value: \"now\": spec in body must be of type date-time: \"now\"",
        ),
        (
            json!({"type": "array", "maxItems": 1, "items": {"type": "integer"}}),
            json!([1, 2]),
            "spec: Too many: 2: must have at most 1 items",
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "integer"}}),
            json!([1, 1]),
            "spec[1]: Duplicate value: 1",
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {"name": {"type": "string"}}}}),
            json!([{"name": "a"}, {"name": "a"}]),
            "spec[1]: Duplicate value: {\"name\":\"a\"}",
        ),
        (
            json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
            json!({}),
            "spec.a: Required value",
        ),
        (
            json!({"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}),
            json!({"kind": "A"}),
            "spec.apiVersion: Required value: must not be empty",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
            json!({}),
            "spec: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found none valid",
        ),
        (
            json!({"type": "integer", "anyOf": [{"minimum": 5}, {"maximum": 1}]}),
            json!(3),
            "spec: Invalid value: \"\": \"spec\" must validate at least one schema (anyOf)",
        ),
        (
            json!({"type": "integer", "not": {"enum": [3]}}),
            json!(3),
            "spec: Invalid value: \"\": \"spec\" must not validate the schema (not)",
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "integer", "maximum": 1}}),
            json!({"k": 2}),
            "spec.k: Invalid value: 2: spec.k in body should be less than or equal to 1",
        ),
    ] {
        assert_eq!(told(schema.clone(), value), [expected], "{schema}");
    }
}

#[test]
fn accepts_what_fits() {
    for (schema, value) in [
        (json!({"type": "string", "nullable": true}), json!(null)),
        (json!({"type": "integer"}), json!(2.0)),
        (json!({"x-kubernetes-int-or-string": true}), json!("80%")),
        (json!({"x-kubernetes-preserve-unknown-fields": true}), json!([1, {"a": null}])),
        (
            json!({"type": "object", "allOf": [{"required": ["a"]}], "properties": {"a": {"type": "integer"}}}),
            json!({"a": 1}),
        ),
        (json!({"type": "string", "format": "made-up"}), json!("x")),
    ] {
        assert_eq!(told(schema.clone(), value), [""; 0], "{schema}");
    }
}
