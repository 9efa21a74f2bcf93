//! What can be done at a path: one operation of a document.

use serde_json::{Map, Value, json};

use super::{meta, parameters, reference};

/// The media types of answers.
const ANSWERS: [&str; 2] = ["application/json", "application/yaml"];
const PATCHES: [&str; 3] =
    ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// An operation on objects of one kind.
pub(super) struct Operation<'a> {
    /// `get`, `list`, `post`, `put`, `patch`, `delete`, `deletecollection`, `connect`.
    pub action: &'a str,
    pub id: String,
    pub description: String,
    pub tag: &'a str,
    /// The kind that it is about.
    pub gvk: &'a Value,
    /// The definition of what is sent and answered.
    pub definition: &'a str,
    /// Whether its lists merge by keys. `kubectl apply` goes by what is published here.
    pub is_strategic: bool,
}

impl Operation<'_> {
    /// The HTTP method in a path item.
    pub(super) fn method(&self) -> &'static str {
        match self.action {
            "post" => "post",
            "put" => "put",
            "patch" => "patch",
            "delete" | "deletecollection" => "delete",
            _ => "get",
        }
    }

    pub(super) fn render(&self) -> Value {
        let mut operation = json!({
            "tags": [self.tag],
            "description": self.description,
            "operationId": self.id,
            "responses": self.responses(),
            "x-kubernetes-action": self.action,
            "x-kubernetes-group-version-kind": self.gvk,
        });
        let parameters = match self.action {
            "list" => parameters::list(),
            "post" | "put" => parameters::write(),
            "patch" => parameters::patch(),
            "delete" => parameters::delete(),
            "deletecollection" => [parameters::delete(), parameters::list()].concat(),
            _ => Vec::new(),
        };
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if let Some(body) = self.body() {
            operation["requestBody"] = body;
        }
        operation
    }

    fn body(&self) -> Option<Value> {
        Some(match self.action {
            "post" | "put" => {
                json!({"content": content(&["*/*"], self.definition), "required": true})
            }
            "patch" => {
                let mut media_types = PATCHES.to_vec();
                media_types.extend(self.is_strategic.then_some(STRATEGIC));
                json!({"content": content(&media_types, &meta("Patch")), "required": true})
            }
            "delete" | "deletecollection" => {
                json!({"content": content(&["*/*"], &meta("DeleteOptions"))})
            }
            _ => return None,
        })
    }

    fn responses(&self) -> Value {
        let mut responses = Map::new();
        let answer = |description: &str, definition: &str| json!({"description": description, "content": content(&ANSWERS, definition)});
        if self.action == "connect" {
            let text = json!({"*/*": {"schema": {"type": "string"}}});
            responses.insert("200".to_owned(), json!({"description": "OK", "content": text}));
        } else {
            let status = meta("Status");
            let deletes = self.action.starts_with("delete");
            let definition = if deletes { status.as_str() } else { self.definition };
            responses.insert("200".to_owned(), answer("OK", definition));
            if ["post", "put", "patch"].contains(&self.action) {
                responses.insert("201".to_owned(), answer("Created", definition));
            }
            if ["post", "delete"].contains(&self.action) {
                responses.insert("202".to_owned(), answer("Accepted", definition));
            }
        }
        responses.insert("401".to_owned(), json!({"description": "Unauthorized"}));
        Value::Object(responses)
    }
}

fn content(media_types: &[&str], definition: &str) -> Value {
    let schema = json!({"schema": reference(definition)});
    media_types.iter().map(|media_type| ((*media_type).to_owned(), schema.clone())).collect()
}
