//! Nothing that a user may write or send hangs or overflows.

use expression::{Environment, EvaluationError, Program, Type, Value, Variables};
use proptest::prelude::*;
use serde_json::json;

use super::{evaluate, evaluate_over};

fn compile(source: &str) -> Result<Program, expression::CompileError> {
    Program::compile(source, &Environment::new().with("a", Type::Dyn))
}

#[test]
fn nesting_is_refused_before_it_overflows() {
    for source in [
        "(".repeat(5_000),
        "[".repeat(5_000),
        "{1:".repeat(5_000),
        format!("a{}", ".a".repeat(5_000)),
        format!("a{}", "+a".repeat(5_000)),
        format!("a{}", "[a]".repeat(5_000)),
        format!("{}a", "a?a:".repeat(5_000)),
        format!("{}a{}", "a(".repeat(5_000), ")".repeat(5_000)),
        "a == 1 ".repeat(20_000),
    ] {
        assert!(compile(&source).is_err(), "{}", &source[..20]);
    }
}

/// The deepest that is let through runs on a thread's usual stack.
#[test]
fn what_is_let_through_is_evaluated() {
    let nested = format!("{}a{}", "[".repeat(59), "]".repeat(59));
    let calls = format!("{}a{}", "dyn(".repeat(59), ")".repeat(59));
    let sum = format!("a{}", "+a".repeat(150));
    let flat = format!("a == 1{}", " && a == 1".repeat(2_000));
    let deep = format!("{}true{}", "[1].all(x, ".repeat(50), ")".repeat(50));
    for source in [nested, calls, sum, flat, deep, "!".repeat(10_000) + "false"] {
        let program = compile(&source).unwrap_or_else(|error| panic!("{error}"));
        let mut variables = Variables::new();
        variables.set("a", Value::Int(1));
        program.evaluate(&variables).unwrap();
    }
}

#[test]
fn cost_is_bounded() {
    let big = json!({"list": vec![1; 2_000], "text": "x".repeat(100_000)});
    for source in [
        "object.list.all(x, object.list.all(y, object.list.all(z, x + y + z > 0)))",
        "object.list.map(x, object.text + object.text).size() > 0",
        "object.text.replace('', object.text).size() > 0",
        "object.list.map(x, object.text).join(object.text).size() > 0",
        "object.list.all(x, object.text.matches('x{' + string(x) + '}'))",
        "object.list.map(x, object.list).map(x, [x, x]).map(x, [x, x]).map(x, [x, x]) == object.list.map(x, object.list).map(x, [x, x]).map(x, [x, x]).map(x, [x, x])",
        "sets.contains(object.list.map(x, object.list), object.list.map(x, object.list))",
        "'%s'.format([object.list.map(x, object.list)]) == ''",
    ] {
        let result = evaluate_over(source, &big);
        assert_eq!(result.unwrap_err(), EvaluationError::CostExceeded, "{source}");
    }
}

#[test]
fn programs_share_a_budget() {
    let environment = Environment::new().with("list", Type::list(Type::Int));
    let program =
        Program::compile("list.all(x, list.all(y, list.all(z, x == y)))", &environment).unwrap();
    let mut variables = Variables::new();
    variables.set("list", Value::from_json(&json!(vec![1; 50])));
    let mut runs = 0;
    while program.evaluate(&variables).is_ok() {
        runs += 1;
        assert!(runs < 100, "the budget ends");
    }
    assert!(runs > 5);
    assert!(variables.budget().is_exhausted());
}

proptest! {
    /// Any text is compiled or refused.
    #[test]
    fn no_text_panics(source in "\\PC{0,60}") {
        drop(compile(&source));
    }

    #[test]
    fn no_likely_text_panics(
        words in prop::collection::vec(prop::sample::select(vec![
            "a", "1", "'x'", "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "+", "-", "!", "&&",
            "||", "==", "<", "in", "has", ".all(x, x", ".map(x, x", "b'", "\"", "size(", "1u", "2.5",
            "null", ".?", "[?", "timestamp('2024-01-01T00:00:00Z')", ".getHours()", ".format([",
        ]), 0..16)
    ) {
        let source = words.concat();
        if let Ok(program) = compile(&source) {
            let mut variables = Variables::new();
            variables.set("a", Value::from_json(&json!({"b": [1, "x", {}]})));
            drop(program.evaluate(&variables));
        }
    }

    #[test]
    fn arithmetic_never_panics(a: i64, b: i64) {
        for operator in ["+", "-", "*", "/", "%"] {
            drop(evaluate(&format!("int('{a}') {operator} int('{b}')")));
            drop(evaluate(&format!("duration('{}ns') + duration('{}ns')", a / 2, b / 2)));
            drop(evaluate(&format!("timestamp(int('{a}'))")));
        }
    }
}
