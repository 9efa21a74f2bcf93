use super::{evaluate_over, fails, holds};
use expression::{Environment, Program, Type, Value, Variables};
use serde_json::json;

#[test]
fn operators_and_macros() {
    for source in [
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && -7 / 2 == -3 && -7 % 3 == -1",
        "7u % 4u == 3u && 1.5 + 1.5 == 3.0 && 0x10 == 16 && 1e3 == 1000.0",
        "dyn(1) == dyn(1.0) && dyn(1u) == dyn(1) && 1 < 1.5 && 2u > 1",
        "'a' + \"b\" == 'ab' && b'ab' == bytes('ab') && [1] + [2] == [1, 2]",
        r#"'\u00e4\x41\101\n' == "äAA\n" && r'\n' == '\\n' && '''a'b''' == "a'b""#,
        "object.a.b == 1 && object['a']['b'] == 1 && object.list[1] == 2",
        "has(object.a) && !has(object.c) && has(object.a.b)",
        "object.list.all(x, x > 0) && object.list.exists(x, x == 2)",
        "object.list.exists_one(x, x == 2) && !object.list.exists_one(x, x > 1)",
        "object.list.map(x, x * 2) == [2, 4, 6] && object.list.map(x, x > 1, x) == [2, 3]",
        "object.list.filter(x, x > 1) == [2, 3] && object.a.all(k, k == 'b')",
        "object.list.all(i, x, x == i + 1) && object.a.exists(k, v, k == 'b' && v == 1)",
        "object.list.transformList(i, x, i * x) == [0, 2, 6]",
        "object.a.transformMap(k, v, v + 1) == {'b': 2}",
        "object.a.transformMapEntry(k, v, {v: k}) == {1: 'b'}",
        "cel.bind(x, object.list, x[0] + x[2]) == 4",
        "1 in [1, 2] && !(3 in [1, 2]) && 'b' in object.a",
        "true ? false ? false : true : false",
        "type(1) == int && type('') == string && type([]) == list && type(null) == null_type",
        "timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')",
        "!!true && --1 == 1 && size('häuser') == 6 && 'abc'.size() == 3",
        "object.?c.?d.orValue(7) == 7 && object.?a.?b.value() == 1",
        "object[?'c'].hasValue() == false && [?object.?c, 1] == [1] && {?'x': object.?c} == {}",
        "optional.of(2).optMap(x, x + 1).value() == 3 && !optional.none().hasValue()",
        "// a comment\n true",
        "object.`a`.b == 1",
        "int('7') == 7 && string(7) == '7' && double('1.5') == 1.5 && int(1.9) == 1",
        "9223372036854775807 > -9223372036854775808 && 18446744073709551615u > 1u",
    ] {
        holds(source);
    }
}

/// One side that decides makes up for the failure of the other.
#[test]
fn logic_absorbs_failures() {
    holds("true || object.c.d");
    holds("object.c.d || true");
    holds("!(object.c.d == 1 && false)");
    holds("[0, 1].exists(x, 1 / x == 1)");
    holds("![0, 1].all(x, 1 / x == 2)");
    fails("object.c.d || false", "no such key: c");
    fails("[0, 1].all(x, 1 / x == 1)", "division by zero");
}

#[test]
fn failures_are_worded_as_kubernetes_words_them() {
    fails("object.c == 1", "no such key: c");
    fails("object.list[3] == 1", "index out of bounds: 3");
    fails("1 / 0 == 1", "division by zero");
    fails("9223372036854775807 + 1 > 0", "integer overflow");
    fails("object.text > 1", "no such overload: _>_(string, int)");
    fails("object.text.c == 1", "type 'string' does not support field selection");
    fails("optional.none().value() == 1", "optional.none() dereference");
}

#[test]
fn types_convert_what_json_has_as_text() {
    let schema = json!({"type": "object", "properties": {
        "since": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "wait": {"type": "string", "format": "duration"},
        "data": {"type": "string", "format": "byte"},
        "ratio": {"type": "number"},
        "port": {"x-kubernetes-int-or-string": true},
        "my-field": {"type": "integer"},
        "namespace": {"type": "string"},
        "if": {"type": "boolean"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    }});
    let own = Type::from_openapi(&schema, true).unwrap();
    let json = json!({
        "metadata": {"name": "x", "labels": {}}, "since": "2024-01-01T00:00:00Z",
        "day": "2024-01-02", "wait": "1m30s", "data": "aGk=", "ratio": 2, "port": "http",
        "my-field": 3, "namespace": "n", "if": true, "labels": {"a-b": "c"}, "unknown": 1,
    });
    let mut variables = Variables::new();
    variables.set("self", Value::typed(&json, &own));
    let environment = Environment::new().with("self", own).returning(Type::Bool);
    for source in [
        "self.since < self.day && self.since.getFullYear() == 2024",
        "self.wait == duration('90s') && self.data == b'hi' && self.ratio == 2.0",
        "self.port == 'http' && self.my__dash__field == 3 && self.namespace == 'n' && self.__if__",
        "self.labels['a-b'] == 'c' && self.metadata.name == 'x'",
    ] {
        let program = Program::compile(source, &environment).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(program.evaluate(&variables).unwrap().as_bool(), Some(true), "{source}");
    }
    for source in ["self.unknown == 1", "self.metadata.labels == {}"] {
        assert!(Program::compile(source, &environment).is_err(), "{source}");
    }
}

#[test]
fn variables_are_evaluated_when_they_are_named() {
    let base = Environment::new().with("object", Type::Dyn);
    let first = Program::compile("object.n + 1", &base).unwrap();
    let fields = [("first".to_owned(), first.result().clone())];
    let with_first = base.clone().with("variables", Type::object("kubernetes.variables", fields));
    let second = Program::compile("variables.first * 2", &with_first).unwrap();
    let broken = Program::compile("object.nothing", &base).unwrap();
    let names = ["first", "second", "broken"].map(|name| (name.to_owned(), Type::Dyn));
    let whole = base.with("variables", Type::object("kubernetes.variables", names));
    let program = Program::compile("variables.second == 8 || variables.broken", &whole).unwrap();
    let mut variables = Variables::new();
    variables.set("object", Value::from_json(&json!({"n": 3})));
    variables.compose("first", &first);
    variables.compose("second", &second);
    variables.compose("broken", &broken);
    assert_eq!(program.evaluate(&variables).unwrap().as_bool(), Some(true));
    let program = Program::compile("variables.broken", &whole).unwrap();
    assert_eq!(program.evaluate(&variables).unwrap_err().to_string(), "no such key: nothing");
    assert!(Program::compile("variables.third", &whole).is_err());
}

#[test]
fn objects_are_made_where_that_is_allowed() {
    let environment = Environment::new().with("object", Type::Dyn).making_objects();
    let source =
        "Object{metadata: Object.metadata{labels: {'a': object.name}}, ?spec: object.?none}";
    let program = Program::compile(source, &environment).unwrap();
    assert_eq!(*program.result(), Type::made("Object"));
    let mut variables = Variables::new();
    variables.set("object", Value::from_json(&json!({"name": "n"})));
    let made = program.evaluate(&variables).unwrap().to_json().unwrap();
    assert_eq!(made, json!({"metadata": {"labels": {"a": "n"}}}));
    let patches = Environment::new()
        .with("object", Type::Dyn)
        .making_objects()
        .returning(Type::list(Type::made("JSONPatch")));
    let source = "has(object.x) ? [] : [JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('b/c'), value: 1}]";
    let program = Program::compile(source, &patches).unwrap();
    let made = program.evaluate(&variables).unwrap().to_json().unwrap();
    assert_eq!(made, json!([{"op": "add", "path": "/a/b~1c", "value": 1}]));
    assert!(Program::compile("[JSONPatch{op: 1}]", &patches).is_err());
    assert!(Program::compile("Object{}", &Environment::new()).is_err());
}

#[test]
fn json_goes_in_and_comes_out() {
    let json = json!({"a": [1, 1.5, "x", true, null], "b": {"c": {}}});
    let value = evaluate_over("object", &json).unwrap();
    assert_eq!(value.to_json().unwrap(), json);
}
