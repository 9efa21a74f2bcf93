//! What expressions see of a request.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use expression::{Authorizer, Decision, Environment, Question, Type, Value, Variables};
use kinds::KindDef;
use object::ApiError;
use serde_json::Value as Json;

use super::attempt::{Attempt, Operation};
use crate::access::{Access, Attributes, User, Verdict};

/// `request`, as Kubernetes declares it.
static REQUEST: LazyLock<Type> = LazyLock::new(|| {
    let texts = |name: &str, fields: &[&str]| {
        Type::object(name, fields.iter().map(|field| ((*field).to_owned(), Type::String)))
    };
    let kind = texts("kubernetes.GroupVersionKind", &["group", "version", "kind"]);
    let resource = texts("kubernetes.GroupVersionResource", &["group", "version", "resource"]);
    let user = Type::object(
        "kubernetes.UserInfo",
        [
            ("username", Type::String),
            ("uid", Type::String),
            ("groups", Type::list(Type::String)),
            ("extra", Type::map(Type::list(Type::String))),
        ]
        .map(|(name, ty)| (name.to_owned(), ty)),
    );
    Type::object(
        "kubernetes.AdmissionRequest",
        [
            ("kind", kind.clone()),
            ("resource", resource.clone()),
            ("subResource", Type::String),
            ("requestKind", kind),
            ("requestResource", resource),
            ("requestSubResource", Type::String),
            ("name", Type::String),
            ("namespace", Type::String),
            ("operation", Type::String),
            ("userInfo", user),
            ("dryRun", Type::Bool),
            ("options", Type::Dyn),
        ]
        .map(|(name, ty)| (name.to_owned(), ty)),
    )
});

/// `namespaceObject`, as Kubernetes declares it.
static NAMESPACE: LazyLock<Type> = LazyLock::new(|| {
    let of = |name: &str, fields: &[(&str, Type)]| {
        let fields = fields.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone()));
        Type::object(name, fields.collect::<Vec<_>>())
    };
    let texts = Type::list(Type::String);
    let metadata = of(
        "kubernetes.NamespaceMetadata",
        &[
            ("name", Type::String),
            ("generateName", Type::String),
            ("namespace", Type::String),
            ("labels", Type::map(Type::String)),
            ("annotations", Type::map(Type::String)),
            ("UID", Type::String),
            ("creationTimestamp", Type::Timestamp),
            ("deletionGracePeriodSeconds", Type::Int),
            ("deletionTimestamp", Type::Timestamp),
            ("generation", Type::Int),
            ("resourceVersion", Type::String),
            ("finalizers", texts.clone()),
        ],
    );
    let spec = of("kubernetes.NamespaceSpec", &[("finalizers", texts)]);
    let status = of("kubernetes.NamespaceStatus", &[("phase", Type::String)]);
    of("kubernetes.Namespace", &[("metadata", metadata), ("spec", spec), ("status", status)])
});

/// What the conditions of a webhook may name.
pub(super) fn of_webhook() -> Environment {
    Environment::new()
        .with("object", Type::Dyn)
        .with("oldObject", Type::Dyn)
        .with("request", REQUEST.clone())
        .with("authorizer", Type::AUTHORIZER)
        .with("authorizer.requestResource", Type::RESOURCE_CHECK)
}

/// What the expressions of a policy may name; `object` is the type of the object.
pub(super) fn of_policy(object: Type, has_params: bool) -> Environment {
    let environment = of_webhook()
        .with("object", object.clone())
        .with("oldObject", object)
        .with("namespaceObject", NAMESPACE.clone());
    if has_params { environment.with("params", Type::Dyn) } else { environment }
}

/// A request with what expressions have seen of it so far.
pub struct Scene<'s, 'a> {
    pub attempt: &'s Attempt<'a>,
    /// By version.
    seen: RefCell<BTreeMap<String, Seen>>,
    namespace: OnceCell<Value>,
}

#[derive(Clone)]
struct Seen {
    object: Value,
    old: Value,
    request: Value,
}

impl<'s, 'a> Scene<'s, 'a> {
    pub fn new(attempt: &'s Attempt<'a>) -> Self {
        Self { attempt, seen: RefCell::default(), namespace: OnceCell::new() }
    }

    /// The variables of who sees the kind in a version.
    pub(super) fn variables<'p>(
        &self,
        def: &KindDef,
        params: Option<&Json>,
    ) -> Result<Variables<'p>, ApiError> {
        let seen = self.seen(def)?;
        let mut variables = Variables::new();
        variables.set("object", seen.object);
        variables.set("oldObject", seen.old);
        variables.set("request", seen.request);
        variables.set("params", params.map_or(Value::Null, Value::from_json));
        let namespace = self.namespace.get_or_init(|| {
            let namespace = self.attempt.namespace_object();
            namespace.map_or(Value::Null, |namespace| Value::typed(&namespace, &NAMESPACE))
        });
        variables.set("namespaceObject", namespace.clone());
        let attempt = self.attempt;
        let (user, access) = (attempt.user.clone(), attempt.access.clone());
        let authorizer: Arc<dyn Authorizer> = Arc::new(Asker { user, access });
        let requested = Question {
            group: def.group.to_string(),
            resource: def.plural.to_string(),
            subresource: attempt.subresource.to_owned(),
            namespace: attempt.namespace.to_owned(),
            name: attempt.name.to_owned(),
            ..Question::default()
        };
        let requested = Value::resource_check(authorizer.clone(), requested);
        variables.set("authorizer.requestResource", requested);
        variables.set("authorizer", Value::authorizer(authorizer));
        Ok(variables)
    }

    fn seen(&self, def: &KindDef) -> Result<Seen, ApiError> {
        if let Some(seen) = self.seen.borrow().get(&*def.api_version) {
            return Ok(seen.clone());
        }
        let (object, old) = self.attempt.in_version(def)?;
        let value = |json: Option<Json>| json.as_ref().map_or(Value::Null, Value::from_json);
        let object = match self.attempt.operation {
            Operation::Delete => Value::Null,
            _ => value(object),
        };
        let request = Value::typed(&self.attempt.request(def), &REQUEST);
        let seen = Seen { object, old: value(old), request };
        self.seen.borrow_mut().insert(def.api_version.to_string(), seen.clone());
        Ok(seen)
    }
}

/// Asks what the request's user may do.
struct Asker {
    user: User,
    access: Access,
}

impl Authorizer for Asker {
    fn check(&self, question: &Question) -> Decision {
        let account = question.service_account.as_ref();
        let account = account
            .map(|(namespace, name)| User::service_account(namespace, name, "").authenticated());
        let wanted = Attributes {
            verb: question.verb.clone(),
            group: question.group.clone(),
            resource: question.resource.clone(),
            subresource: question.subresource.clone(),
            namespace: question.namespace.clone(),
            name: question.name.clone(),
            fields: question.field_selector.clone(),
            path: question.path.clone(),
        };
        match self.access.authorize(account.as_ref().unwrap_or(&self.user), &wanted) {
            Verdict::Allowed => Decision { allowed: true, ..Decision::default() },
            Verdict::Denied(reason) => Decision { reason, ..Decision::default() },
        }
    }
}
