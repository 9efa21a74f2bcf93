//! The kinds by the words that requests use for them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

use kinds::KindDef;

type Served = HashMap<(&'static str, &'static str, &'static str), &'static KindDef>;

/// The kind behind `/apis/GROUP/VERSION/…/PLURAL`.
pub(crate) fn find_served(group: &str, version: &str, plural: &str) -> Option<&'static KindDef> {
    static SERVED: OnceLock<Served> = OnceLock::new();
    let served = SERVED.get_or_init(|| {
        kinds::all().iter().map(|def| ((def.group, def.version, def.plural), def)).collect()
    });
    served.get(&(group, version, plural)).copied()
}

/// The kind by its stored name, as in `deployments.apps`.
pub(crate) fn find(name: &str) -> Option<&'static KindDef> {
    static NAMED: OnceLock<HashMap<&'static str, &'static KindDef>> = OnceLock::new();
    let named = NAMED.get_or_init(|| kinds::all().iter().map(|def| (&*def.name, def)).collect());
    named.get(name).copied()
}

/// Whether anything is served under a group and version.
pub(crate) fn serves(group: &str, version: &str) -> bool {
    static VERSIONS: OnceLock<BTreeSet<(&'static str, &'static str)>> = OnceLock::new();
    let versions =
        VERSIONS.get_or_init(|| kinds::all().iter().map(|def| (def.group, def.version)).collect());
    versions.contains(&(group, version))
}

/// The kind by what objects say of themselves: `apps/v1`, `Deployment`.
pub(crate) fn find_kind(api_version: &str, kind: &str) -> Option<&'static KindDef> {
    kinds::all().iter().find(|def| def.api_version == api_version && def.kind == kind)
}
