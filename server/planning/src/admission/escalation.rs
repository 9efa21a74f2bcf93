//! Nobody gives away more than they have: roles, bindings, and users' groups and passwords.

use kinds::{AnyObject, cast, user};
use object::ApiError;

use super::Request;
use crate::{
    World,
    access::{Attributes, MASTERS, Verdict, check_escalation},
};

pub(super) fn check(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    _: &World,
) -> Result<(), ApiError> {
    if !request.is_main() {
        return Ok(());
    }
    check_user(request, object)?;
    check_escalation(request.access, request.user, object, request.old)
}

/// Who writes a user can become it: they must be in its groups, or may impersonate those.
fn check_user(request: &Request<'_>, object: &dyn AnyObject) -> Result<(), ApiError> {
    let Some(new) = cast::<user::User>(object) else { return Ok(()) };
    let old = request.old.and_then(cast::<user::User>);
    if old.is_some_and(|old| old.spec == new.spec) {
        return Ok(());
    }
    let before = old.into_iter().flat_map(|old| &old.spec.groups);
    for group in new.spec.groups.iter().chain(before) {
        if !may_give(request, group) {
            let why = format!(
                "user {:?} is attempting to write a user of the group {group:?} without being in it",
                request.user.name
            );
            return Err(request.forbid(object, why));
        }
    }
    Ok(())
}

fn may_give(request: &Request<'_>, group: &str) -> bool {
    let wanted = Attributes {
        verb: "impersonate".to_owned(),
        resource: "groups".to_owned(),
        name: group.to_owned(),
        ..Attributes::default()
    };
    request.user.is_in(MASTERS)
        || request.user.is_in(group)
        || request.access.authorize(request.user, &wanted) == Verdict::Allowed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        access::User,
        admission::{admit, testing::Bench},
    };

    #[test]
    fn users_are_written_by_those_in_their_groups() {
        let bench = Bench::new();
        let user = |groups: &[&str], hash: &str| {
            bench.object("users.longshore.dev", json!({"metadata": {"name": "x"}, "spec": {"passwordHash": hash, "groups": groups}}))
        };
        let dev = User::new("dev", &["devs"]);
        let request = Request { user: &dev, ..bench.request("users.longshore.dev") };
        admit(&request, &mut *user(&["devs"], "a"), &bench.world).unwrap();
        let error = admit(&request, &mut *user(&["devs", MASTERS], "a"), &bench.world).unwrap_err();
        assert_eq!(
            error.message,
            "users.longshore.dev \"x\" is forbidden: user \"dev\" is attempting to write a user of the group \"system:masters\" without being in it"
        );
        let old = user(&[MASTERS], "a");
        let update = Request { old: Some(&*old), ..request };
        admit(&update, &mut *user(&[], "b"), &bench.world).unwrap_err();
        admit(&update, &mut *user(&[MASTERS], "a"), &bench.world).unwrap();
        admit(&bench.request("users.longshore.dev"), &mut *user(&[MASTERS], "a"), &bench.world)
            .unwrap();
    }
}
