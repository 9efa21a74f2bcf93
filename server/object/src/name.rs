//! Names as RFC 1123 and Kubernetes allow them.

/// Lower-case letters, digits, `-`; at most 63 (RFC 1123 label).
///
/// # Errors
/// Kubernetes' wording of what is wrong.
pub fn label(name: &str) -> Result<(), String> {
    const WHY: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    if name.len() > 63 {
        return Err("must be no more than 63 characters".to_owned());
    }
    if is_label(name) { Ok(()) } else { Err(WHY.to_owned()) }
}

/// Labels joined by dots; at most 253 (RFC 1123 subdomain).
///
/// # Errors
/// Kubernetes' wording of what is wrong.
pub fn subdomain(name: &str) -> Result<(), String> {
    const WHY: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    if name.len() > 253 {
        return Err("must be no more than 253 characters".to_owned());
    }
    if name.split('.').all(is_label) { Ok(()) } else { Err(WHY.to_owned()) }
}

/// Anything that can stand as one segment of a path; RBAC's kinds use it.
///
/// # Errors
/// Kubernetes' wording of what is wrong.
pub fn path_segment(name: &str) -> Result<(), String> {
    if name == "." || name == ".." {
        return Err(format!("may not be '{name}'"));
    }
    match name.chars().find(|c| matches!(c, '/' | '%')) {
        Some(c) => Err(format!("may not contain '{c}'")),
        None => Ok(()),
    }
}

fn is_label(name: &str) -> bool {
    let bytes = name.as_bytes();
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|b| alphanumeric(b) || *b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_refuses() {
        for good in ["a", "web-1", "0"] {
            assert!(label(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", &"a".repeat(64)] {
            assert!(label(bad).is_err(), "{bad}");
        }
        assert!(subdomain("a.b-c.d").is_ok());
        assert!(subdomain("a..b").is_err());
        assert!(path_segment("system:node").is_ok());
        assert!(path_segment("a/b").is_err());
    }
}
