//! Names that are derived, so that a decision that is repeated collides instead of doubling.

use sha2::{Digest, Sha256};

/// Kubernetes' alphabet for generated names: nothing that looks like a word or like another letter.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Of what a generated name's base may keep, so that the whole stays a DNS label.
const BASE_LENGTH_MAX: usize = 58;

/// Letters that follow from the parts: the same parts give the same letters.
pub fn letters(parts: &[&str], count: usize) -> String {
    let digest = digest(parts);
    debug_assert!(count <= digest.len());
    digest[..count].iter().map(|byte| ALPHABET[usize::from(*byte) % 27] as char).collect()
}

/// `base-xxxxx`, as `generateName` makes them.
pub fn generated(base: &str, parts: &[&str]) -> String {
    let base = &base[..base.floor_char_boundary(BASE_LENGTH_MAX - 1)];
    format!("{}-{}", base.trim_end_matches(['-', '.']), letters(parts, 5))
}

/// Hexadecimal digits that follow from the parts.
pub fn hex(parts: &[&str], bytes: usize) -> String {
    digest(parts)[..bytes].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_names_that_fit() {
        let name = generated("web-5d4f8c7b9", &["uid", "0"]);
        assert_eq!(name, generated("web-5d4f8c7b9", &["uid", "0"]));
        assert_ne!(name, generated("web-5d4f8c7b9", &["uid", "1"]));
        assert_ne!(letters(&["a", "b"], 5), letters(&["ab", ""], 5), "parts do not run together");
        assert!(object::name::label(&name).is_ok());
        let long = generated(&"a".repeat(80), &["uid"]);
        assert_eq!(long.len(), 63);
    }
}
