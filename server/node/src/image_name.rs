//! Names of images: `registry/repository:tag@digest`.

/// A name taken apart as Docker does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageName {
    /// With the registry, where one is named.
    pub(crate) repository: String,
    /// A tag, or a digest.
    pub(crate) reference: String,
    /// `docker.io` when none is named.
    pub(crate) registry: String,
    pub(crate) is_digest: bool,
}

impl ImageName {
    /// # Errors
    /// Says why it is no name.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let invalid = || {
            format!(
                "Failed to apply default image tag \"{name}\": couldn't parse image name: invalid reference format"
            )
        };
        let (rest, digest) = match name.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (name, None),
        };
        let last_part = rest.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match rest[last_part..].split_once(':') {
            Some((short, tag)) => (&rest[..last_part + short.len()], Some(tag)),
            None => (rest, None),
        };
        let registry = match repository.split_once('/') {
            Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
            _ => "docker.io",
        };
        let path = repository.strip_prefix(registry).unwrap_or(repository).trim_start_matches('/');
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let fits = |part: &str| !part.is_empty() && part.chars().all(is_part);
        let is_tag = |tag: &str| {
            !tag.is_empty() && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        if !path.split('/').all(fits)
            || !tag.is_none_or(is_tag)
            || digest.is_some_and(|digest| !digest.contains(':'))
        {
            return Err(invalid());
        }
        Ok(Self {
            repository: repository.to_owned(),
            reference: digest.or(tag).unwrap_or("latest").to_owned(),
            registry: registry.to_owned(),
            is_digest: digest.is_some(),
        })
    }

    /// Whether the newest image of that name may be another one than what is here.
    pub(crate) fn is_latest(&self) -> bool {
        !self.is_digest && self.reference == "latest"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_apart() {
        for (name, repository, reference, registry) in [
            ("web", "web", "latest", "docker.io"),
            ("web:1", "web", "1", "docker.io"),
            ("a/web", "a/web", "latest", "docker.io"),
            ("localhost:5000/web", "localhost:5000/web", "latest", "localhost:5000"),
            ("ghcr.io/a/web:1.2", "ghcr.io/a/web", "1.2", "ghcr.io"),
            ("web:1@sha256:ab", "web", "sha256:ab", "docker.io"),
        ] {
            let parsed = ImageName::parse(name).unwrap();
            assert_eq!(
                (parsed.repository.as_str(), parsed.reference.as_str(), parsed.registry.as_str()),
                (repository, reference, registry)
            );
        }
        for bad in ["", "Web", "web:", "a//b", "web:a b", "web@x", "-:-:-"] {
            assert!(ImageName::parse(bad).is_err(), "{bad}");
        }
    }
}
