//! The rules in CEL that a schema states (`x-kubernetes-validations`): compiled once for a
//! definition, and held against each object within one budget.

use std::{collections::BTreeMap, sync::Arc};

use expression::{
    Environment, EvaluationError, Program, Type, Value as Cel, Variables, occurrences_max,
    stated_max,
};
use object::{FieldErrors, error::Problem, schema::ListKind};
use serde_json::Value;

/// The rules of one level of a schema and of those below it.
#[derive(Debug)]
pub(crate) struct Rules {
    /// What the schema calls the type of its values.
    ty: String,
    /// Their type as expressions see it.
    value: Type,
    rules: Vec<Rule>,
    fields: BTreeMap<String, Rules>,
    /// Of fields of other names.
    values: Option<Box<Rules>>,
    items: Option<(Box<Rules>, ListKind)>,
}

#[derive(Debug)]
struct Rule {
    text: String,
    program: Program,
    message: Option<String>,
    message_program: Option<Program>,
    /// Where the error is told, below the value.
    field_path: String,
    reason: String,
    /// Compares with what was before.
    is_transition: bool,
    /// May do without what was before.
    optional_old_self: bool,
}

/// Something of a schema that is no rule.
pub(crate) struct Fault {
    pub(crate) path: String,
    pub(crate) problem: Problem,
    pub(crate) detail: String,
}

/// What a rule, and all rules of a schema together, may cost by what the schema allows.
const RULE_COST_MAX: u64 = 10_000_000;
const SCHEMA_COST_MAX: u64 = 100_000_000;

const KEY: &str = "x-kubernetes-validations";
const REASONS: [&str; 4] =
    ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// Compiles the rules of a schema; `None` if it states none. What can not be compiled, or could cost
/// too much, is told with its path below `at`.
pub(crate) fn compile(schema: &Value, at: &str, faults: &mut Vec<Fault>) -> Option<Rules> {
    let mut reader = Reader { faults, cost: 0 };
    let rules = reader.read(schema, at, true, Some(1));
    let cost = reader.cost;
    if cost > SCHEMA_COST_MAX {
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        let detail = too_costly(what, cost, SCHEMA_COST_MAX);
        faults.push(Fault { path: at.to_owned(), problem: Problem::Forbidden, detail });
    }
    rules
}

struct Reader<'f> {
    faults: &'f mut Vec<Fault>,
    /// What all rules can cost together.
    cost: u64,
}

impl Reader<'_> {
    /// `count` is how many values of the schema an object can hold, if there is a bound.
    fn read(
        &mut self,
        schema: &Value,
        at: &str,
        is_root: bool,
        count: Option<u64>,
    ) -> Option<Rules> {
        if !schema.is_object() {
            return None;
        }
        let mut fields = BTreeMap::new();
        for (name, child) in schema["properties"].as_object().into_iter().flatten() {
            let below = self.read(child, &format!("{at}.properties[{name}]"), false, count);
            fields.extend(below.map(|rules| (name.clone(), rules)));
        }
        let inner = count.zip(stated_max(schema)).map(|(all, each)| all.saturating_mul(each));
        let values = &schema["additionalProperties"];
        let values = self.read(values, &format!("{at}.additionalProperties"), false, inner);
        let items = self.read(&schema["items"], &format!("{at}.items"), false, inner);
        let items = items.map(|rules| (Box::new(rules), list_kind(schema)));
        let stated = schema[KEY].as_array().map_or(&[] as &[Value], Vec::as_slice);
        if stated.is_empty() && fields.is_empty() && values.is_none() && items.is_none() {
            return None;
        }
        let value = Type::from_openapi(schema, is_root).unwrap_or(Type::Dyn);
        let count = count.unwrap_or_else(|| occurrences_max(schema));
        let rules = stated.iter().enumerate().filter_map(|(index, rule)| {
            let at = format!("{at}.{KEY}[{index}]");
            let rule = read_rule(rule, &value, &at, self.faults)?;
            self.weigh(&rule, schema, count, &at);
            Some(rule)
        });
        let rules = rules.collect();
        let ty = schema["type"].as_str().unwrap_or_default().to_owned();
        Some(Rules { ty, value, rules, fields, values: values.map(Box::new), items })
    }

    /// Refuses what the schema lets cost too much.
    fn weigh(&mut self, rule: &Rule, schema: &Value, count: u64, at: &str) {
        let mut weigh = |program: &Program, field: &str, what: &str| {
            let cost = program.cost_max(schema).saturating_mul(count);
            if cost > RULE_COST_MAX {
                let detail = too_costly(what, cost, RULE_COST_MAX);
                let path = format!("{at}.{field}");
                self.faults.push(Fault { path, problem: Problem::Forbidden, detail });
            }
            cost
        };
        let mut cost = weigh(&rule.program, "rule", "estimated rule cost");
        if let Some(program) = &rule.message_program {
            let said = weigh(program, "messageExpression", "estimated messageExpression cost");
            cost = cost.saturating_add(said);
        }
        self.cost = self.cost.saturating_add(cost);
    }
}

/// How far a cost is beyond its bound, and what to do about it.
fn too_costly(what: &str, cost: u64, max: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a factor that is shown with one digit")]
    let factor = cost as f64 / max as f64;
    let factor = match factor {
        factor if factor > 100.0 => "more than 100x".to_owned(),
        factor if factor < 1.5 => format!("{factor:.6}x"),
        factor => format!("{factor:.1}x"),
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    )
}

fn list_kind(schema: &Value) -> ListKind {
    let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
    match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => ListKind::Map(keys.filter_map(Value::as_str).map(Into::into).collect()),
        Some("set") => ListKind::Set,
        _ => ListKind::Atomic,
    }
}

fn read_rule(rule: &Value, own: &Type, at: &str, faults: &mut Vec<Fault>) -> Option<Rule> {
    let text = |field: &str| rule[field].as_str().unwrap_or_default().to_owned();
    let source = text("rule");
    let mut fault = |field: &str, value: Option<String>, detail: String| {
        let problem = value.map_or(Problem::Required, |value| Problem::Invalid(value.into()));
        faults.push(Fault { path: format!("{at}.{field}"), problem, detail });
    };
    if source.trim().is_empty() {
        fault("rule", None, "rule is not specified".to_owned());
        return None;
    }
    let reason = text("reason");
    if !reason.is_empty() && !REASONS.contains(&reason.as_str()) {
        let detail = format!("must be one of {}", REASONS.join(", "));
        fault("reason", Some(reason.clone()), detail);
    }
    let optional_old_self = rule["optionalOldSelf"] == true;
    let old = if optional_old_self { Type::optional(own.clone()) } else { own.clone() };
    let environment = Environment::new().with("self", own.clone()).with("oldSelf", old);
    let compile = |source: &str, result: Type| {
        Program::compile(source, &environment.clone().returning(result))
    };
    let program = compile(&source, Type::Bool)
        .map_err(|error| fault("rule", Some(source.clone()), error.to_string()))
        .ok()?;
    let message_source = text("messageExpression");
    let message_program = match message_source.trim() {
        "" => None,
        some => compile(some, Type::String)
            .map_err(|error| {
                fault("messageExpression", Some(message_source.clone()), error.to_string());
            })
            .ok(),
    };
    Some(Rule {
        is_transition: program.mentions("oldSelf"),
        text: source.trim().to_owned(),
        program,
        message: Some(text("message")).filter(|message| !message.is_empty()),
        message_program,
        field_path: text("fieldPath"),
        reason,
        optional_old_self,
    })
}

impl Rules {
    /// Holds an object, and what it was before, against the rules.
    pub(crate) fn check(&self, object: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
        let mut check = Check { path: String::new(), variables: Variables::new(), errors };
        // Stopping early is no news: it was told.
        let _stopped = check.value(self, object, old);
    }
}

/// No further rules are run.
struct Stopped;

struct Check<'e> {
    path: String,
    /// Share one budget.
    variables: Variables<'static>,
    errors: &'e mut FieldErrors,
}

impl Check<'_> {
    fn value(&mut self, rules: &Rules, new: &Value, old: Option<&Value>) -> Result<(), Stopped> {
        if new.is_null() {
            return Ok(());
        }
        let old = old.filter(|old| !old.is_null());
        if !rules.rules.is_empty() {
            self.variables.set("self", Cel::typed(new, &rules.value));
            let before = old.map(|old| Cel::typed(old, &rules.value));
            for rule in &rules.rules {
                self.rule(rules, rule, before.as_ref(), old == Some(new))?;
            }
        }
        match new {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let below = rules.fields.get(name).or(rules.values.as_deref());
                    let Some(below) = below else { continue };
                    let was = old.and_then(|old| old.get(name));
                    let dot = if self.path.is_empty() { "" } else { "." };
                    self.within(&format!("{dot}{name}"), below, value, was)?;
                }
            }
            Value::Array(items) => {
                let Some((below, kind)) = &rules.items else { return Ok(()) };
                let before = old.and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
                for (index, item) in items.iter().enumerate() {
                    let was = before.iter().find(|was| is_same(item, was, kind));
                    self.within(&format!("[{index}]"), below, item, was)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn within(
        &mut self,
        step: &str,
        rules: &Rules,
        new: &Value,
        old: Option<&Value>,
    ) -> Result<(), Stopped> {
        let length = self.path.len();
        self.path.push_str(step);
        let checked = self.value(rules, new, old);
        self.path.truncate(length);
        checked
    }

    fn rule(
        &mut self,
        rules: &Rules,
        rule: &Rule,
        old: Option<&Cel>,
        is_unchanged: bool,
    ) -> Result<(), Stopped> {
        if rule.is_transition && old.is_none() && !rule.optional_old_self {
            return Ok(());
        }
        let before = match (rule.optional_old_self, old) {
            (true, old) => Cel::Optional(old.cloned().map(Arc::new)),
            (false, Some(old)) => old.clone(),
            (false, None) => Cel::Null,
        };
        self.variables.set("oldSelf", before);
        if self.variables.budget().is_exhausted() {
            self.tell(rules, &self.path.clone(), SPENT.to_owned());
            return Err(Stopped);
        }
        let shown = rule.message.clone().unwrap_or_else(|| format!("rule: {}", rule.text));
        match rule.program.evaluate(&self.variables) {
            Ok(value) if value.as_bool() == Some(true) => Ok(()),
            // What was there before stays allowed.
            Ok(_) if is_unchanged && !rule.is_transition => Ok(()),
            Ok(_) => {
                self.refuse(rules, rule);
                Ok(())
            }
            Err(error @ EvaluationError::CostExceeded) => {
                let why = format!(
                    "'{error}': no further validation rules will be run due to call cost exceeds limit for {shown}"
                );
                self.tell(rules, &self.path.clone(), why);
                Err(Stopped)
            }
            Err(error) => {
                self.tell(rules, &self.path.clone(), format!("{error} evaluating {shown}"));
                Ok(())
            }
        }
    }

    fn refuse(&mut self, rules: &Rules, rule: &Rule) {
        let said = rule.message_program.as_ref().and_then(|program| {
            let said = program.evaluate(&self.variables).ok()?;
            let said = said.as_str()?.trim().to_owned();
            (!said.is_empty() && !said.contains('\n')).then_some(said)
        });
        let detail = said
            .or_else(|| rule.message.clone())
            .unwrap_or_else(|| format!("failed rule: {}", rule.text));
        let below = rule.field_path.trim_start_matches('.');
        let path = match (self.path.as_str(), below) {
            (path, "") => path.to_owned(),
            ("", below) => below.to_owned(),
            (path, below) => format!("{path}.{below}"),
        };
        let value = Value::from(rules.ty.as_str());
        match rule.reason.as_str() {
            "FieldValueForbidden" => self.errors.push(path, Problem::Forbidden, detail),
            "FieldValueRequired" => self.errors.push(path, Problem::Required, detail),
            "FieldValueDuplicate" => self.errors.push(path, Problem::Duplicate(value), detail),
            _ => self.tell(rules, &path, detail),
        }
    }

    fn tell(&mut self, rules: &Rules, path: &str, detail: String) {
        let path = if path.is_empty() { "<nil>" } else { path };
        self.errors.invalid(path, rules.ty.as_str(), detail);
    }
}

const SPENT: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

/// Whether an item of a list is what another one was before; only keys tell.
fn is_same(item: &Value, was: &Value, kind: &ListKind) -> bool {
    match kind {
        ListKind::Map(keys) => keys.iter().all(|key| item.get(&**key) == was.get(&**key)),
        ListKind::Atomic | ListKind::Set => false,
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
