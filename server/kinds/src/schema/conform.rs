//! Holds a body against its type: what is wrong, in Kubernetes' words, and the form in which the
//! typed objects read it.

use base64::{Engine, engine::general_purpose::STANDARD};
use object::{
    FieldErrors, Quantity,
    schema::{Node, Scalar, Schema},
};
use serde_json::{Map, Value, json};

/// Brings a body into the form that its type reads: unknown fields and `null` go, quantities
/// become canonical. Gives the fields that the type does not have: `unknown field "spec.foo"`.
///
/// # Errors
/// What Kubernetes says of a value of the wrong type:
/// `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`.
pub fn conform(value: &mut Value, schema: Schema<'_>) -> Result<Vec<String>, String> {
    let mut walk = Walk::default();
    walk.value(value, schema)?;
    Ok(walk.unknown)
}

#[derive(Default)]
struct Walk {
    /// The fields and indexes on the way to the value at hand.
    path: Vec<Step>,
    /// The Go type whose field the value is.
    owner: String,
    unknown: Vec<String>,
}

enum Step {
    Field(String),
    Index(usize),
}

impl Walk {
    fn value(&mut self, value: &mut Value, schema: Schema<'_>) -> Result<(), String> {
        match schema.node() {
            Node::Any => Ok(()),
            Node::Scalar(scalar) => self.scalar(value, *scalar),
            Node::Map { values, .. } => match value {
                Value::Object(entries) => self.map(entries, schema, values),
                _ => Err(self.mismatch(value, schema.node(), schema)),
            },
            Node::List { items, .. } => match value {
                Value::Array(list) => self.list(list, schema, items),
                _ => Err(self.mismatch(value, schema.node(), schema)),
            },
            Node::Object(_) | Node::AtomicObject(_) | Node::GranularObject(_) => match value {
                Value::Object(fields) => self.object(fields, schema),
                _ => Err(self.mismatch(value, schema.node(), schema)),
            },
        }
    }

    fn object(
        &mut self,
        fields: &mut Map<String, Value>,
        schema: Schema<'_>,
    ) -> Result<(), String> {
        let name = schema.definition().map_or("", |definition| &definition.name);
        let name = name.rsplit('.').next().unwrap_or_default();
        let owner = std::mem::replace(&mut self.owner, name.to_owned());
        let mut dropped = Vec::new();
        for (name, value) in fields.iter_mut() {
            self.path.push(Step::Field(name.clone()));
            match schema.child(name) {
                None => {
                    self.unknown.push(format!("unknown field {:?}", self.path_text()));
                    dropped.push(name.clone());
                }
                Some(_) if value.is_null() => dropped.push(name.clone()),
                Some(child) => self.value(value, child)?,
            }
            self.path.pop();
        }
        for name in dropped {
            fields.remove(&name);
        }
        self.owner = owner;
        Ok(())
    }

    fn map(
        &mut self,
        entries: &mut Map<String, Value>,
        schema: Schema<'_>,
        values: &Node,
    ) -> Result<(), String> {
        for (name, value) in entries.iter_mut() {
            self.path.push(Step::Field(name.clone()));
            fill_null(value, values);
            self.value(value, schema.child_or_untyped(name))?;
            self.path.pop();
        }
        Ok(())
    }

    fn list(&mut self, list: &mut [Value], schema: Schema<'_>, items: &Node) -> Result<(), String> {
        for (index, value) in list.iter_mut().enumerate() {
            self.path.push(Step::Index(index));
            fill_null(value, items);
            self.value(value, schema.items())?;
            self.path.pop();
        }
        Ok(())
    }

    fn scalar(&self, value: &mut Value, scalar: Scalar) -> Result<(), String> {
        let fits = match (scalar, &*value) {
            (Scalar::String, Value::String(_))
            | (Scalar::Bool, Value::Bool(_))
            | (Scalar::Float, Value::Number(_))
            | (Scalar::IntOrString, Value::String(_)) => true,
            (Scalar::Int32 | Scalar::IntOrString, Value::Number(number)) => {
                number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
            }
            (Scalar::Int64, Value::Number(number)) => number.as_i64().is_some(),
            (Scalar::Time | Scalar::MicroTime, Value::String(text)) => {
                return text.parse::<jiff::Timestamp>().map(drop).map_err(|_| {
                    format!(
                        "{}: parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\" failed",
                        self.path_text()
                    )
                });
            }
            (Scalar::Bytes, Value::String(text)) => {
                let text = text.replace(['\r', '\n'], "");
                if STANDARD.decode(&text).is_err() {
                    return Err(format!("{}: illegal base64 data", self.path_text()));
                }
                *value = text.into();
                true
            }
            (Scalar::Quantity, Value::String(text)) => {
                *value = self.quantity(text)?;
                true
            }
            (Scalar::Quantity, Value::Number(number)) => {
                *value = self.quantity(&number.to_string())?;
                true
            }
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(self.mismatch(value, &Node::Scalar(scalar), Schema::untyped()))
        }
    }

    fn quantity(&self, text: &str) -> Result<Value, String> {
        match text.parse::<Quantity>() {
            Ok(quantity) => Ok(quantity.to_string().into()),
            Err(why) => Err(format!("{}: {why}", self.path_text())),
        }
    }

    fn mismatch(&self, value: &Value, node: &Node, schema: Schema<'_>) -> String {
        let found = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
            Value::Number(number) => match node {
                Node::Scalar(Scalar::Int32 | Scalar::Int64) => format!("number {number}"),
                _ => "number".to_owned(),
            },
        };
        let expected = go_type(node, schema);
        let fields: Vec<&str> = self
            .path
            .iter()
            .filter_map(|step| match step {
                Step::Field(name) => Some(name.as_str()),
                Step::Index(_) => None,
            })
            .collect();
        if fields.is_empty() {
            return format!("json: cannot unmarshal {found} into Go value of type {expected}");
        }
        let (owner, path) = (&self.owner, fields.join("."));
        format!(
            "json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {expected}"
        )
    }

    fn path_text(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if text.is_empty() => text.push_str(name),
                Step::Field(name) => text.extend([".", name]),
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

/// In a list or a map Go reads `null` as the zero value.
fn fill_null(value: &mut Value, node: &Node) {
    if !value.is_null() {
        return;
    }
    *value = match node {
        Node::Scalar(Scalar::Bool) => json!(false),
        Node::Scalar(Scalar::Int32 | Scalar::Int64 | Scalar::Float | Scalar::IntOrString) => {
            json!(0)
        }
        Node::Scalar(Scalar::Quantity) => json!("0"),
        Node::Scalar(Scalar::String | Scalar::Bytes) => json!(""),
        Node::List { .. } => json!([]),
        Node::Object(_) | Node::Map { .. } | Node::AtomicObject(_) | Node::GranularObject(_) => {
            json!({})
        }
        Node::Any | Node::Scalar(Scalar::Time | Scalar::MicroTime) => Value::Null,
    };
}

/// The type as Go prints it.
fn go_type(node: &Node, schema: Schema<'_>) -> String {
    match node {
        Node::Any => "interface {}".to_owned(),
        Node::Scalar(scalar) => match scalar {
            Scalar::String | Scalar::Time | Scalar::MicroTime => "string",
            Scalar::Bool => "bool",
            Scalar::Int32 => "int32",
            Scalar::Int64 => "int64",
            Scalar::Float => "float64",
            Scalar::Bytes => "[]uint8",
            Scalar::Quantity => "resource.Quantity",
            Scalar::IntOrString => "intstr.IntOrString",
        }
        .to_owned(),
        Node::Map { values, .. } => {
            format!("map[string]{}", go_type(values, schema.child_or_untyped("")))
        }
        Node::List { items, .. } => format!("[]{}", go_type(items, schema.items())),
        Node::Object(_) | Node::AtomicObject(_) | Node::GranularObject(_) => {
            schema.definition().map_or_else(String::new, |definition| definition.name.to_string())
        }
    }
}

/// The required fields that an object lacks, as validation reports them. Lists and maps may be
/// empty and so absent; `status` is not the client's to fill.
pub(super) fn missing(value: &Value, schema: Schema<'_>) -> FieldErrors {
    let mut errors = FieldErrors::default();
    let Value::Object(fields) = value else { return errors };
    for (name, value) in fields.iter().filter(|(name, _)| *name != "status" && *name != "metadata")
    {
        find_missing(value, schema.child_or_untyped(name), name, &mut errors);
    }
    own_missing(fields, schema, "", &mut errors);
    errors
}

fn find_missing(value: &Value, schema: Schema<'_>, path: &str, errors: &mut FieldErrors) {
    match value {
        Value::Object(fields) => {
            own_missing(fields, schema, &format!("{path}."), errors);
            for (name, value) in fields {
                let child = schema.child_or_untyped(name);
                find_missing(value, child, &format!("{path}.{name}"), errors);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_missing(item, schema.items(), &format!("{path}[{index}]"), errors);
            }
        }
        _ => {}
    }
}

fn own_missing(
    fields: &Map<String, Value>,
    schema: Schema<'_>,
    prefix: &str,
    errors: &mut FieldErrors,
) {
    let declared = schema.definition().into_iter().flat_map(|definition| &definition.fields);
    for field in declared.filter(|field| field.required && &*field.name != "metadata") {
        let may_be_absent = matches!(field.node, Node::List { .. } | Node::Map { .. } | Node::Any);
        if !may_be_absent && !fields.contains_key(&*field.name) {
            errors.required(format!("{prefix}{}", field.name), "");
        }
    }
}

#[cfg(test)]
#[path = "conform_tests.rs"]
mod tests;
