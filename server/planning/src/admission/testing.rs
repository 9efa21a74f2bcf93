//! What the tests of admission share.

use std::sync::OnceLock;

use bytes::Bytes;
use kinds::AnyObject;
use object::Key;
use serde_json::Value;

use super::{Objects, Request, Settings};
use crate::{
    World,
    access::{Access, MASTERS, User},
};

pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) access: Access,
    pub(crate) user: User,
    revision: u64,
    /// What is stored beside the world.
    pub(crate) objects: Vec<(&'static str, Value)>,
}

impl Objects for Bench {
    fn list(&self, kind: &str, _: &str) -> Vec<Bytes> {
        let of_kind = self.objects.iter().filter(|(name, _)| *name == kind);
        of_kind.map(|(_, body)| body.to_string().into()).collect()
    }

    fn get(&self, key: &Key) -> Option<Bytes> {
        let is_meant = |body: &Value| body["metadata"]["name"] == *key.name;
        let mut found =
            self.objects.iter().filter(|(name, body)| *name == &*key.kind && is_meant(body));
        found.next().map(|(_, body)| body.to_string().into())
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let user = User::new("admin", &[MASTERS]);
        let (world, access) = (World::default(), Access::default());
        Self { world, access, user, revision: 0, objects: Vec::new() }
    }

    /// Puts an object into the world.
    pub(crate) fn with(mut self, kind: &str, body: Value) -> Self {
        let text = |field: &str| body["metadata"][field].as_str().unwrap_or_default();
        let key = Key::new(kind, text("namespace"), text("name"));
        let bytes = body.to_string().into_bytes();
        self.access.apply(&key, Some(&bytes));
        self.revision += 1;
        self.world.apply(key, self.revision, Some(bytes.into())).unwrap();
        self
    }

    pub(crate) fn object(&self, kind: &str, body: Value) -> Box<dyn AnyObject> {
        let mut object = kinds::find(kind).unwrap().codec.decode_value(body).unwrap();
        object.set_defaults();
        object
    }

    pub(crate) fn request(&self, kind: &str) -> Request<'_> {
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        Request {
            user: &self.user,
            access: &self.access,
            settings: SETTINGS.get_or_init(Settings::default),
            def: kinds::find(kind).unwrap(),
            subresource: "",
            old: None,
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            seed: 1,
            objects: self,
        }
    }
}
