//! What a client wants to read and what it sent: media types, in and out.

use std::borrow::Cow;

use object::{ApiError, Reason};

/// The shape in which an answer is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    #[default]
    Whole,
    /// `meta.k8s.io/v1` or `v1beta1`.
    Table(&'static str),
    Partial(&'static str),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Json,
    /// JSON in indented lines.
    Pretty,
    Yaml,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) shape: Shape,
    pub(crate) format: Format,
}

/// One entry of an `Accept` header or a `Content-Type`: lower-case type and parameters.
struct Media<'h> {
    kind: Cow<'h, str>,
    parameters: Vec<(&'h str, &'h str)>,
}

impl<'h> Media<'h> {
    fn parse(text: &'h str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let is_lower = !kind.bytes().any(|byte| byte.is_ascii_uppercase());
        let kind = if is_lower { kind.into() } else { kind.to_ascii_lowercase().into() };
        let parameters = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            .collect();
        Self { kind, parameters }
    }

    fn get(&self, name: &str) -> Option<&'h str> {
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// In thousandths, as `q` has at most three digits.
    fn quality(&self) -> i32 {
        let quality = self.get("q").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        #[expect(clippy::cast_possible_truncation, reason = "clamped to 0..=1000")]
        let thousandths = (quality.clamp(0.0, 1.0) * 1000.0) as i32;
        thousandths
    }

    fn is_json(&self) -> bool {
        matches!(&*self.kind, "application/json" | "application/*" | "*/*")
    }

    /// Whether `g` and `v` name the group and version given.
    fn names(&self, group: &str, version: &str) -> bool {
        self.get("g") == Some(group) && self.get("v") == Some(version)
    }
}

/// The entries of an `Accept` header, the most wanted first.
fn entries(accept: &str) -> Vec<Media<'_>> {
    let mut entries: Vec<_> =
        accept.split(',').filter(|e| !e.trim().is_empty()).map(Media::parse).collect();
    entries.sort_by_key(|entry| -entry.quality());
    entries
}

/// How an answer that holds objects is wanted.
pub(crate) fn accept(header: Option<&str>) -> Result<Wanted, ApiError> {
    let entries = entries(header.unwrap_or_default());
    if entries.is_empty() {
        return Ok(Wanted::default());
    }
    entries.iter().find_map(read_wanted).ok_or_else(|| {
        ApiError::new(
            Reason::NotAcceptable,
            "only the following media types are accepted: application/json, application/yaml, application/json;stream=watch",
        )
    })
}

fn read_wanted(entry: &Media<'_>) -> Option<Wanted> {
    let format = match &*entry.kind {
        "application/yaml" => Format::Yaml,
        _ if entry.is_json() && entry.get("pretty") == Some("1") => Format::Pretty,
        _ if entry.is_json() => Format::Json,
        _ => return None,
    };
    let version =
        || ["v1", "v1beta1"].into_iter().find(|version| entry.names("meta.k8s.io", version));
    let shape = match entry.get("as") {
        None => Shape::Whole,
        Some("Table") => Shape::Table(version()?),
        Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Shape::Partial(version()?),
        Some(_) => return None,
    };
    Some(Wanted { shape, format })
}

/// The version of aggregated discovery that is wanted, if it is.
pub(crate) fn accept_discovery(header: Option<&str>) -> Option<&'static str> {
    for entry in entries(header.unwrap_or_default()) {
        if !entry.is_json() {
            continue;
        }
        if entry.get("as") != Some("APIGroupDiscoveryList") {
            return None;
        }
        let version = ["v2", "v2beta1"]
            .into_iter()
            .find(|version| entry.names("apidiscovery.k8s.io", version));
        if version.is_some() {
            return version;
        }
    }
    None
}

/// What a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Json,
    Yaml,
    Protobuf,
    JsonPatch,
    MergePatch,
    StrategicPatch,
    ApplyPatch,
}

/// Reads `Content-Type`; without one it is JSON.
pub(crate) fn content_type(header: Option<&str>) -> Option<Sent> {
    let Some(header) = header.filter(|header| !header.is_empty()) else { return Some(Sent::Json) };
    Some(match &*Media::parse(header).kind {
        "application/json" => Sent::Json,
        "application/yaml" => Sent::Yaml,
        "application/vnd.kubernetes.protobuf" => Sent::Protobuf,
        "application/json-patch+json" => Sent::JsonPatch,
        "application/merge-patch+json" => Sent::MergePatch,
        "application/strategic-merge-patch+json" => Sent::StrategicPatch,
        "application/apply-patch+yaml" | "application/apply-patch+json" => Sent::ApplyPatch,
        _ => return None,
    })
}

/// The refusal of a body's media type.
pub(crate) fn unsupported(accepted: &[&str]) -> ApiError {
    let message = format!(
        "the body of the request was in an unknown format - accepted media types include: {}",
        accepted.join(", ")
    );
    ApiError::new(Reason::UnsupportedMediaType, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_accept_headers_of_clients() {
        let shape = |accept_header: &str| accept(Some(accept_header)).unwrap().shape;
        for (header, expected) in [
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                Shape::Table("v1"),
            ),
            ("application/vnd.kubernetes.protobuf,application/json", Shape::Whole),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
                Shape::Partial("v1"),
            ),
            ("application/json;as=Nope;g=meta.k8s.io;v=v1, */*", Shape::Whole),
            ("application/json;stream=watch", Shape::Whole),
            (
                "application/json;q=0.1, application/json;as=Table;v=v1;g=meta.k8s.io",
                Shape::Table("v1"),
            ),
        ] {
            assert_eq!(shape(header), expected, "{header}");
        }
        assert_eq!(accept(None).unwrap(), Wanted::default());
        assert_eq!(accept(Some("application/yaml")).unwrap().format, Format::Yaml);
        assert_eq!(accept(Some("text/html")).unwrap_err().code(), 406);
    }

    #[test]
    fn reads_discovery_versions() {
        for (header, expected) in [
            (
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
                Some("v2"),
            ),
            (
                "application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
                Some("v2beta1"),
            ),
            ("application/json", None),
            ("", None),
        ] {
            assert_eq!(accept_discovery(Some(header)), expected, "{header}");
        }
    }

    #[test]
    fn reads_content_types() {
        assert_eq!(content_type(None), Some(Sent::Json));
        assert_eq!(content_type(Some("application/json; charset=utf-8")), Some(Sent::Json));
        assert_eq!(content_type(Some("text/plain")), None);
    }
}
