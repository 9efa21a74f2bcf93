//! Who sends a request: a certificate's or a bearer token's user or nobody in particular, and whom
//! they stand in for.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, header::AUTHORIZATION, request::Parts};
use jiff::{SignedDuration, Timestamp};
use object::{ApiError, Key, Meta, Reason};
use percent_encoding::percent_decode_str;
use planning::{
    access::{Attributes, BOOTSTRAP_NAMESPACE, BootstrapToken, User},
    accounts,
};

use crate::{
    Api, ClientCertificate,
    tokens::{Bearer, Bound},
};

/// The user in whose name a request acts, and who sent it if that is somebody else.
pub(crate) struct Sender {
    pub(crate) user: User,
    pub(crate) impersonator: Option<String>,
}

/// For how long after its end a deleted object that is still there counts: its last words.
const DELETED_PATIENCE: SignedDuration = SignedDuration::from_secs(60);

fn unauthorized() -> ApiError {
    ApiError::new(Reason::Unauthorized, "Unauthorized")
}

impl Api {
    /// The user of a token; nobody in particular without one.
    ///
    /// # Errors
    /// 401 for a token that is not ours, has expired or whose owner is gone.
    pub async fn authenticate(&self, token: Option<&str>) -> Result<User, ApiError> {
        let Some(token) = token else { return Ok(User::anonymous()) };
        let bearer = self.bearer(token).await?.ok_or_else(unauthorized)?;
        if !bearer.audiences.iter().any(|audience| audience == self.tokens.issuer()) {
            return Err(unauthorized());
        }
        Ok(bearer.user.authenticated())
    }

    /// Whose a token is: one of ours, as long as everything that it is bound to lives, a
    /// bootstrap token, or an identity provider's.
    pub(crate) async fn bearer(&self, token: &str) -> Result<Option<Bearer>, ApiError> {
        if let Some(token) = BootstrapToken::parse(token) {
            self.catch_up().await?;
            return Ok(self.bootstrap_user(token).map(|user| self.of_us(user)));
        }
        let Some(bearer) = self.tokens.verify(token) else {
            return Ok(self.providers.user(token).await.map(|user| self.of_us(user)));
        };
        if let Some(bearer) = self.alive(&bearer) {
            return Ok(Some(bearer));
        }
        // Another copy may have made the object a moment ago.
        self.catch_up().await?;
        Ok(self.alive(&bearer))
    }

    /// What is good for this API and nothing else.
    fn of_us(&self, user: User) -> Bearer {
        Bearer::new(user, vec![self.tokens.issuer().to_owned()])
    }

    fn bootstrap_user(&self, token: BootstrapToken<'_>) -> Option<User> {
        let key = Key::new("secrets", BOOTSTRAP_NAMESPACE, &token.secret_name());
        let stored = self.store.get(&key)?;
        let is_deleting = Meta::read(&stored.body).ok()?.deletion_timestamp.is_some();
        token.user(&stored.body, Timestamp::now()).filter(|_| !is_deleting)
    }

    /// The same as long as it counts. A user of our own acts in the groups that they have now.
    fn alive(&self, bearer: &Bearer) -> Option<Bearer> {
        if !self.all_live(&bearer.bound) {
            return None;
        }
        let mut bearer = bearer.clone();
        let accounts = accounts::kind();
        for bound in bearer.bound.iter().filter(|bound| *bound.kind == *accounts) {
            let stored = self.store.get(&bound.key())?;
            let account = accounts::read(&stored.body)?;
            if account.is_disabled || !(bearer.seal.is_empty() || bearer.seal == account.seal()) {
                return None;
            }
            bearer.user.groups = account.user.groups;
        }
        Some(bearer)
    }

    fn all_live(&self, bound: &[Bound]) -> bool {
        let over = Timestamp::now() - DELETED_PATIENCE;
        let lives = |bound: &Bound| {
            let stored = self.store.get(&bound.key())?;
            let meta = Meta::read(&stored.body).ok()?;
            let gone = meta.deletion_timestamp.is_some_and(|at| at <= over);
            (*meta.uid == bound.uid && !gone).then_some(())
        };
        bound.iter().all(|bound| lives(bound).is_some())
    }

    /// The user in whose name a request acts: its sender, or whom its headers name.
    pub(crate) async fn sender(&self, head: &Parts) -> Result<Sender, ApiError> {
        let headers = &head.headers;
        let user = match head.extensions.get::<ClientCertificate>() {
            Some(certificate) => match certificate.user(Timestamp::now()) {
                Some(user) => user,
                // What has expired while its connection lived proves nothing; a token may.
                None if !headers.contains_key(AUTHORIZATION) => return Err(unauthorized()),
                None => self.authenticate(bearer_token(headers)?).await?,
            },
            None => self.authenticate(bearer_token(headers)?).await?,
        };
        let Some(other) = impersonated(headers)? else {
            return Ok(Sender { user, impersonator: None });
        };
        for attributes in impersonation(&other) {
            self.authorize(&user, &attributes).await?;
        }
        Ok(Sender { user: complete(other), impersonator: Some(user.name) })
    }
}

/// The token of `Authorization: Bearer`; other schemes are refused rather than ignored.
fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| unauthorized())?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(unauthorized()),
    }
}

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";

/// Whom the headers name, if they name somebody.
fn impersonated(headers: &HeaderMap) -> Result<Option<User>, ApiError> {
    // What can not be read must not be passed over: the sender would act as themselves.
    let is_ours = |name: &HeaderName| name.as_str().starts_with("impersonate-");
    if headers.iter().any(|(name, value)| is_ours(name) && value.to_str().is_err()) {
        return Err(ApiError::bad_request("the Impersonate- headers must be plain text"));
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(EXTRA), value.to_str()) {
            let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
            extra.entry(key).or_default().push(value.to_owned());
        }
    }
    let groups: Vec<String> = headers
        .get_all(GROUP)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect();
    let uid = text(UID).unwrap_or_default().to_owned();
    match text(USER).filter(|name| !name.is_empty()) {
        Some(name) => Ok(Some(User { name: name.to_owned(), uid, groups, extra })),
        None if groups.is_empty() && uid.is_empty() && extra.is_empty() => Ok(None),
        None => Err(ApiError::bad_request(
            "requested groups, a uid or extra values without impersonating a user",
        )),
    }
}

/// What the sender must be allowed to do to act as somebody else.
fn impersonation(user: &User) -> Vec<Attributes> {
    let may = |group: &str, resource: &str, namespace: &str, name: &str| Attributes {
        verb: "impersonate".to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        ..Attributes::default()
    };
    const AUTHENTICATION: &str = "authentication.k8s.io";
    let mut wanted = vec![match user.account() {
        Some((namespace, name)) => may("", "serviceaccounts", namespace, name),
        None => may("", "users", "", &user.name),
    }];
    wanted.extend(user.groups.iter().map(|group| may("", "groups", "", group)));
    for (key, values) in &user.extra {
        wanted.extend(values.iter().map(|value| Attributes {
            subresource: key.clone(),
            ..may(AUTHENTICATION, "userextras", "", value)
        }));
    }
    if !user.uid.is_empty() {
        wanted.push(may(AUTHENTICATION, "uids", "", &user.uid));
    }
    wanted
}

/// The groups that a user has by being who they are.
fn complete(user: User) -> User {
    if user.name == User::anonymous().name {
        return User { groups: User::anonymous().groups, ..user };
    }
    let mut user = user;
    if user.groups.is_empty()
        && let Some((namespace, name)) = user.account()
    {
        user.groups = User::service_account(namespace, name, "").groups;
    }
    user.authenticated()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn reads_whom_a_sender_stands_in_for() {
        let user = impersonated(&headers(&[
            ("impersonate-user", "jane"),
            ("impersonate-group", "a"),
            ("impersonate-group", "b"),
            ("impersonate-extra-acme.com%2fproject", "x"),
        ]));
        let user = user.unwrap().unwrap();
        assert_eq!((user.name.as_str(), user.groups.len()), ("jane", 2));
        assert_eq!(user.extra["acme.com/project"], ["x"]);
        assert_eq!(impersonation(&user).len(), 4);
        assert!(impersonated(&headers(&[("impersonate-group", "a")])).is_err());
        assert!(impersonated(&headers(&[])).unwrap().is_none());
    }

    #[test]
    fn gives_the_groups_of_service_accounts() {
        let name = "system:serviceaccount:d:ci".to_owned();
        let user = complete(User { name, ..User::default() });
        assert!(user.is_in("system:serviceaccounts:d") && user.is_in("system:authenticated"));
    }

    #[test]
    fn takes_bearer_tokens_only() {
        let token = headers(&[("authorization", "bearer abc")]);
        assert_eq!(bearer_token(&token).unwrap(), Some("abc"));
        assert!(bearer_token(&headers(&[("authorization", "Basic abc")])).is_err());
    }
}
