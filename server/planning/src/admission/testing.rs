//! What the tests of admission share.

use std::sync::OnceLock;

use kinds::AnyObject;
use object::Key;
use serde_json::Value;

use super::{Request, Settings};
use crate::{
    World,
    access::{Access, MASTERS, User},
};

pub(super) struct Bench {
    pub(super) world: World,
    pub(super) access: Access,
    pub(super) user: User,
    revision: u64,
}

impl Bench {
    pub(super) fn new() -> Self {
        let user = User::new("admin", &[MASTERS]);
        Self { world: World::default(), access: Access::default(), user, revision: 0 }
    }

    /// Puts an object into the world.
    pub(super) fn with(mut self, kind: &str, body: Value) -> Self {
        let text = |field: &str| body["metadata"][field].as_str().unwrap_or_default();
        let key = Key::new(kind, text("namespace"), text("name"));
        let bytes = body.to_string().into_bytes();
        self.access.apply(&key, Some(&bytes));
        self.revision += 1;
        self.world.apply(key, self.revision, Some(bytes.into())).unwrap();
        self
    }

    pub(super) fn object(&self, kind: &str, body: Value) -> Box<dyn AnyObject> {
        let mut object = (kinds::find(kind).unwrap().decode_value)(body).unwrap();
        object.set_defaults();
        object
    }

    pub(super) fn request(&self, kind: &str) -> Request<'_> {
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        Request {
            user: &self.user,
            access: &self.access,
            settings: SETTINGS.get_or_init(Settings::default),
            def: kinds::find(kind).unwrap(),
            subresource: "",
            old: None,
            seed: 1,
        }
    }
}
