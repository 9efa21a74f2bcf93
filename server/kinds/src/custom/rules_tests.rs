use serde_json::json;

use super::*;

fn rules(rules: Value) -> Rules {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object",
    "x-kubernetes-validations": rules, "properties": {
        "replicas": {"type": "integer"}, "max": {"type": "integer"},
        "name": {"type": "string", "x-kubernetes-validations": [
            {"rule": "self == oldSelf", "message": "may not change"}]},
    }}}});
    let mut faults = Vec::new();
    let compiled = compile(&schema, "s", &mut faults).unwrap();
    let told: Vec<_> = faults.iter().map(|fault| &fault.detail).collect();
    assert!(told.is_empty(), "{told:?}");
    compiled
}

fn told(rules: &Rules, new: Value, old: Option<Value>) -> Vec<String> {
    let mut errors = FieldErrors::default();
    let old = old.map(|old| json!({"spec": old}));
    rules.check(&json!({"spec": new}), old.as_ref(), &mut errors);
    errors.0.iter().map(ToString::to_string).collect()
}

#[test]
fn tells_what_a_rule_says() {
    let fits = "self.replicas <= self.max";
    let few = json!({"replicas": 1, "max": 2});
    let many = json!({"replicas": 3, "max": 2});
    for (rule, expected) in [
        (
            json!({"rule": fits}),
            "spec: Invalid value: \"object\": failed rule: self.replicas <= self.max",
        ),
        (json!({"rule": fits, "message": "too many"}), "spec: Invalid value: \"object\": too many"),
        (
            json!({"rule": fits, "messageExpression": "'at most ' + string(self.max)"}),
            "spec: Invalid value: \"object\": at most 2",
        ),
        (
            json!({"rule": fits, "message": "no", "reason": "FieldValueForbidden", "fieldPath": ".replicas"}),
            "spec.replicas: Forbidden: no",
        ),
        (
            json!({"rule": "self.replicas / (self.max - 2) > 0"}),
            "spec: Invalid value: \"object\": division by zero evaluating rule: self.replicas / (self.max - 2) > 0",
        ),
    ] {
        let rules = rules(json!([rule]));
        assert_eq!(told(&rules, many.clone(), None), [expected]);
        if expected.contains("too many") {
            assert_eq!(told(&rules, few.clone(), None), [""; 0]);
            assert_eq!(told(&rules, many.clone(), Some(many.clone())), [""; 0], "it was so before");
        }
    }
}

#[test]
fn compares_with_what_was() {
    let rules = rules(
        json!([{"rule": "!oldSelf.hasValue() || self.replicas >= oldSelf.value().replicas", "optionalOldSelf": true, "message": "no less"}]),
    );
    let of = |name: &str, replicas: i32| json!({"name": name, "replicas": replicas});
    assert_eq!(told(&rules, of("a", 1), None), [""; 0]);
    assert_eq!(told(&rules, of("a", 2), Some(of("a", 1))), [""; 0]);
    assert_eq!(
        told(&rules, of("b", 0), Some(of("a", 1))),
        [
            "spec: Invalid value: \"object\": no less",
            "spec.name: Invalid value: \"string\": may not change"
        ]
    );
}

#[test]
fn names_rules_that_can_not_be_compiled() {
    let schema = json!({"type": "object", "x-kubernetes-validations": [
        {"rule": "self.nope > 1"}, {"rule": " "}, {"rule": "true", "reason": "Odd"}]});
    let mut faults = Vec::new();
    compile(&schema, "s", &mut faults);
    let told: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(
        told,
        [
            "s.x-kubernetes-validations[0].rule",
            "s.x-kubernetes-validations[1].rule",
            "s.x-kubernetes-validations[2].reason"
        ]
    );
}
