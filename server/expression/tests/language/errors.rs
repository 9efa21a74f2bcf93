use super::compile_error;
use expression::{Environment, Program, Type};

#[test]
fn what_is_undeclared_is_refused_where_it_stands() {
    let error = compile_error("object.a == 1 &&\n  bad > 1");
    let shown = "compilation failed: ERROR: <input>:2:3: undeclared reference to 'bad' (in container '')\n |   bad > 1\n | ..^";
    assert_eq!(error, shown);
    for (source, message) in [
        ("nope()", "undeclared reference to 'nope' (in container '')"),
        ("text.nope()", "undeclared reference to 'nope' (in container '')"),
        ("text + 1", "found no matching overload for '_+_' applied to '(string, int)'"),
        ("number == text", "found no matching overload for '_==_' applied to '(int, string)'"),
        ("number && true", "found no matching overload for '_&&_' applied to '(int, bool)'"),
        ("text.foo", "type 'string' does not support field selection"),
        (
            "number.all(x, true)",
            "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
        ),
        ("[1, 'a']", "expected type 'int' but found 'string'"),
        (
            "true ? 1 : 'a'",
            "found no matching overload for '_?_:_' applied to '(bool, int, string)'",
        ),
        ("text.matches('(')", "invalid matches argument"),
        ("duration('1x') > duration('1s')", "invalid duration argument"),
        ("timestamp('never') == timestamp('never')", "invalid timestamp argument"),
        ("has(number)", "invalid argument to has() macro"),
        ("[1].all(1, true)", "argument must be a simple name"),
        ("object.", "Syntax error: mismatched input '<EOF>' expecting 'IDENTIFIER'"),
        ("1 +", "Syntax error: mismatched input '<EOF>' expecting 'IDENTIFIER'"),
        ("'abc", "Syntax error: unterminated string literal"),
        ("1 2", "Syntax error: mismatched input '2' expecting '<EOF>'"),
        ("object.#", "Syntax error: token recognition error at: '#'"),
        ("", "Syntax error: mismatched input '<EOF>' expecting 'IDENTIFIER'"),
    ] {
        let error = compile_error(source);
        assert!(error.starts_with("compilation failed: ERROR: <input>:1:"), "{source}: {error}");
        assert!(error.contains(message), "{source}: {error}");
    }
}

#[test]
fn the_result_must_have_the_type_that_is_asked_for() {
    let environment = Environment::new().with("object", Type::Dyn).returning(Type::Bool);
    let error = |source| Program::compile(source, &environment).unwrap_err().to_string();
    assert_eq!(error("'text'"), "must evaluate to bool");
    assert_eq!(error("object.spec.enabled"), "must evaluate to bool");
    assert!(Program::compile("object.spec.enabled == true", &environment).is_ok());
    let either = Environment::new().returning(Type::String).returning(Type::Null);
    let error = Program::compile("1", &either).unwrap_err().to_string();
    assert_eq!(error, "must evaluate to one of [string null_type]");
}
