//! The file that names identity providers, in the words of Kubernetes' AuthenticationConfiguration;
//! `signIn` is ours.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, ensure};
use api::oidc::{Issuer, Mapping, SignIn};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Configuration {
    api_version: String,
    kind: String,
    #[serde(default)]
    jwt: Vec<Jwt>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Jwt {
    issuer: IssuerPart,
    claim_mappings: Mappings,
    #[serde(default)]
    claim_validation_rules: Vec<Rule>,
    sign_in: Option<SignInPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IssuerPart {
    url: String,
    audiences: Vec<String>,
    certificate_authority: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Mappings {
    username: Mapped,
    groups: Option<Mapped>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Mapped {
    claim: String,
    prefix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    claim: String,
    required_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignInPart {
    name: String,
    title: String,
    #[serde(rename = "clientID")]
    client_id: String,
    /// A file beside this one, or an absolute path.
    client_secret_file: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
}

/// Reads the file.
///
/// # Errors
/// When it can not be read or says what we do not know; the message names the place.
pub fn read(path: &Path) -> anyhow::Result<Vec<Issuer>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text, path).with_context(|| format!("{} can not be used", path.display()))
}

fn parse(text: &str, path: &Path) -> anyhow::Result<Vec<Issuer>> {
    let read: Configuration = serde_norway::from_str(text)?;
    ensure!(
        read.kind == "AuthenticationConfiguration"
            && read.api_version.starts_with("apiserver.config.k8s.io/"),
        "it must be of the kind AuthenticationConfiguration of apiserver.config.k8s.io/v1"
    );
    read.jwt.into_iter().map(|jwt| issuer(jwt, path)).collect()
}

fn issuer(jwt: Jwt, path: &Path) -> anyhow::Result<Issuer> {
    let mapping = |mapped: Mapped| Mapping { claim: mapped.claim, prefix: mapped.prefix };
    let required: BTreeMap<String, String> = jwt
        .claim_validation_rules
        .into_iter()
        .map(|rule| (rule.claim, rule.required_value))
        .collect();
    let sign_in = match jwt.sign_in {
        None => None,
        Some(part) => {
            ensure!(
                object::name::label(&part.name).is_ok(),
                "signIn.name: {:?} must be lower case letters, digits and hyphens",
                part.name
            );
            let secret = part.client_secret_file.map(|file| {
                let file = path.parent().unwrap_or(Path::new(".")).join(file);
                fs::read_to_string(&file)
                    .map(|secret| secret.trim().to_owned())
                    .with_context(|| format!("cannot read {}", file.display()))
            });
            let (name, title, client_id, scopes) =
                (part.name, part.title, part.client_id, part.scopes);
            Some(SignIn { name, title, client_id, client_secret: secret.transpose()?, scopes })
        }
    };
    Ok(Issuer {
        url: jwt.issuer.url,
        audiences: jwt.issuer.audiences,
        ca_pem: jwt.issuer.certificate_authority,
        username: mapping(jwt.claim_mappings.username),
        groups: jwt.claim_mappings.groups.map(mapping),
        required,
        sign_in,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: https://id.example.com
    audiences: [longshore]
  claimMappings:
    username: {claim: email, prefix: ''}
    groups: {claim: groups, prefix: 'id:'}
  claimValidationRules:
  - {claim: hd, requiredValue: example.com}
  signIn: {name: example, title: Example, clientID: longshore, scopes: [email]}
";

    #[test]
    fn reads_kubernetes_words() {
        let issuers = parse(FILE, Path::new("auth.yaml")).unwrap();
        let issuer = &issuers[0];
        assert_eq!((issuer.url.as_str(), issuer.audiences.len()), ("https://id.example.com", 1));
        assert_eq!(issuer.groups.as_ref().unwrap().prefix, "id:");
        assert_eq!(issuer.required["hd"], "example.com");
        assert_eq!(issuer.sign_in.as_ref().unwrap().title, "Example");
        for (from, to, why) in [
            ("jwt:", "jwts:", "jwts"),
            ("AuthenticationConfiguration", "Other", "must be of the kind"),
            ("name: example", "name: 'a b'", "signIn.name"),
            (
                "clientID: longshore",
                "clientID: a, clientSecretFile: /nowhere/secret",
                "/nowhere/secret",
            ),
        ] {
            let error = parse(&FILE.replace(from, to), Path::new("auth.yaml")).unwrap_err();
            assert!(format!("{error:#}").contains(why), "{error:#}");
        }
    }
}
