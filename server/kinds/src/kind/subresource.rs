//! The paths below an object, and what each does.

use object::ApiError;
use serde_json::Value;

use super::Verb;

/// A path below an object, as in `deployments/web/status`.
#[derive(Clone, Copy)]
pub struct Subresource<T: 'static> {
    pub name: &'static str,
    /// What its requests and answers hold, if not the kind itself: group, version, kind.
    pub response_kind: Option<(&'static str, &'static str, &'static str)>,
    pub verbs: &'static [Verb],
    /// For a subresource that writes part of the object itself (`status`): copies the part that
    /// such a write may change from `written` into `stored`. The main resource's update keeps that
    /// part from the stored object.
    pub merge: Option<fn(stored: &mut T, written: &T)>,
    /// Whether a change of that part through the main resource is an error, not passed over.
    pub guarded: bool,
    /// For `scale`: reads `autoscaling/v1 Scale`'s replicas, status replicas and selector.
    pub scale: Option<ScaleFns<T>>,
    /// What a POST to it does, for those that do not write a part of the object.
    pub post: Option<Post<T>>,
    /// Whether its GET and POST open a stream to a container or node (`log`, `exec`).
    pub connects: bool,
    /// Whether requests to it are passed on, and to whom (`proxy`).
    pub proxies: Option<Proxied>,
    /// For one whose GET waits until the object has become what its spec says: how far it is.
    pub progress: Option<fn(&T) -> Progress>,
}

/// Who answers what is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxied {
    /// The object's own address: see [`Destination::address`].
    Address,
    /// A ready endpoint of the service that the object is.
    Endpoints,
    /// The agent of the node that the object is.
    Agent,
}

/// Where a stream leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    pub node: String,
    /// Empty for a stream to the pod as a whole.
    pub container: String,
    /// For requests that are passed on: an address with its port, which is empty where the
    /// scheme's own is meant.
    pub address: (String, String),
}

/// How far an object is on its way to what its spec says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Done(String),
    /// Why not yet.
    Waiting(String),
    /// Why it will not come about without another change.
    Failed(String),
}

impl<T> Subresource<T> {
    /// A subresource that does nothing yet; the `with_` methods say what it does.
    pub const fn new(name: &'static str, verbs: &'static [Verb]) -> Self {
        Self {
            name,
            response_kind: None,
            verbs,
            merge: None,
            guarded: false,
            scale: None,
            post: None,
            connects: false,
            proxies: None,
            progress: None,
        }
    }

    /// `status` and its like: reads the object, and writes the part that `merge` copies.
    pub const fn part(name: &'static str, merge: fn(stored: &mut T, written: &T)) -> Self {
        let part = Self::new(name, &[Verb::Get, Verb::Patch, Verb::Update]);
        Self { merge: Some(merge), ..part }
    }

    /// A part that the main resource must not change: validation says so.
    #[must_use]
    pub const fn guarded(self) -> Self {
        Self { guarded: true, ..self }
    }

    /// `scale`.
    pub const fn scale(scale: ScaleFns<T>) -> Self {
        let sub = Self::new("scale", &[Verb::Get, Verb::Patch, Verb::Update]);
        Self { response_kind: Some(("autoscaling", "v1", "Scale")), scale: Some(scale), ..sub }
    }

    /// One that is only posted to: `binding`, `eviction`, `token`.
    pub const fn posted(
        name: &'static str,
        response_kind: (&'static str, &'static str, &'static str),
        post: Post<T>,
    ) -> Self {
        let sub = Self::new(name, &[Verb::Create]);
        Self { response_kind: Some(response_kind), post: Some(post), ..sub }
    }

    /// One whose GET answers when the object has become what its spec says.
    pub const fn awaited(name: &'static str, progress: fn(&T) -> Progress) -> Self {
        Self { progress: Some(progress), ..Self::new(name, &[Verb::Get]) }
    }

    /// A stream: `log`, `exec`, `attach`, `portforward`.
    pub const fn stream(name: &'static str, verbs: &'static [Verb]) -> Self {
        Self { connects: true, ..Self::new(name, verbs) }
    }

    /// `proxy`: any request is passed on, any method and path below it.
    pub const fn proxy(proxies: Proxied, kind: &'static str) -> Self {
        let verbs = &[Verb::Create, Verb::Delete, Verb::Get, Verb::Patch, Verb::Update];
        Self { proxies: Some(proxies), ..Self::new("proxy", verbs).with_kind(kind) }
    }

    /// Names the kind that discovery shows for it, of the core group.
    #[must_use]
    pub const fn with_kind(self, kind: &'static str) -> Self {
        Self { response_kind: Some(("", "v1", kind)), ..self }
    }

    #[must_use]
    pub const fn with_verbs(self, verbs: &'static [Verb]) -> Self {
        Self { verbs, ..self }
    }
}

/// What posting to a subresource does.
#[derive(Clone, Copy)]
pub enum Post<T: 'static> {
    /// Changes the object by what was posted, or says why not.
    Change(fn(&mut T, &Value) -> Result<(), ApiError>),
    /// Deletes the object, unless something forbids its eviction.
    Evict,
    /// Answers a token for the identity that the object is.
    Token,
}

/// How `scale` reads and writes an object.
#[derive(Clone, Copy)]
pub struct ScaleFns<T: 'static> {
    pub replicas: fn(&T) -> i32,
    pub set_replicas: fn(&mut T, i32),
    pub status_replicas: fn(&T) -> i32,
    /// The pods' selector as a query string.
    pub selector: fn(&T) -> String,
}
