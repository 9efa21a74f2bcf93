//! Query strings: the options of lists, watches, writes and deletions, with Kubernetes' refusals.

use std::{
    num::{IntErrorKind, ParseIntError},
    sync::Arc,
};

use kinds::{KindDef, schema::FieldValidation};
use object::{ApiError, FieldErrors, error::Problem};

use crate::audit::Trail;

/// The parameters of a request, in order; a name may stand more than once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The first value of a parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|(key, _)| key == name)?;
        Some(first.1.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn all<'q>(&'q self, name: &str) -> impl Iterator<Item = &'q str> + use<'q> {
        let named: Vec<&str> =
            self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
        named.into_iter()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// `?watch`, `?watch=1` and `?watch=true` are all true, as in Kubernetes.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let value = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().map_err(|error: ParseIntError| {
            ApiError::bad_request(misread("ParseInt", text, &error))
        })?;
        Ok(Some(number))
    }

    /// A revision that the client has seen.
    pub(crate) fn revision(&self) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get("resourceVersion") else { return Ok(None) };
        let revision = text.parse().map_err(|error: ParseIntError| {
            let why = misread("ParseUint", text, &error);
            ApiError::bad_request(format!(
                "invalid resource version: resourceVersion: Invalid value: {text:?}: {why}"
            ))
        })?;
        Ok(Some(revision))
    }
}

/// Why a number can not be read, in the words of the language that Kubernetes is written in.
fn misread(function: &str, text: &str, error: &ParseIntError) -> String {
    let why = match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    };
    format!("strconv.{function}: parsing {text:?}: {why}")
}

/// A value as a field selector writes it.
fn escape(value: &str) -> String {
    let escaped = value.chars().flat_map(|c| {
        let mark = matches!(c, '\\' | ',' | '=').then_some('\\');
        mark.into_iter().chain([c])
    });
    escaped.collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RevisionMatch {
    Exact,
    NotOlderThan,
}

const MATCH: &str = "resourceVersionMatch";
const MANAGER_BYTES_MAX: usize = 128;

/// What a list or watch asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListOptions {
    pub(crate) labels: Option<String>,
    pub(crate) fields: Option<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) continuation: Option<String>,
    pub(crate) revision: Option<u64>,
    pub(crate) revision_match: Option<RevisionMatch>,
    pub(crate) bookmarks: bool,
    pub(crate) initial_events: bool,
    pub(crate) timeout_seconds: Option<u64>,
}

impl ListOptions {
    /// As [`Self::read`]; the fields of a computed kind may also be given as parameters of their
    /// own, as in `?lose=a&lose=b`.
    pub(crate) fn read_for(def: &KindDef, query: &Query) -> Result<Self, ApiError> {
        let mut options = Self::read(query)?;
        if def.computed {
            let given = def.fields.iter().filter_map(|name| {
                let values: Vec<String> = query.all(name).map(escape).collect();
                // A comma within a value is escaped, too.
                (!values.is_empty()).then(|| format!("{name}={}", values.join("\\,")))
            });
            let terms: Vec<String> = options.fields.take().into_iter().chain(given).collect();
            options.fields = (!terms.is_empty()).then(|| terms.join(","));
        }
        Ok(options)
    }

    pub(crate) fn read(query: &Query) -> Result<Self, ApiError> {
        let mut errors = FieldErrors::default();
        let watch = query.flag("watch");
        let options = Self {
            labels: query.get("labelSelector").map(str::to_owned),
            fields: query.get("fieldSelector").map(str::to_owned),
            limit: query.number("limit")?.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0),
            continuation: query.get("continue").map(str::to_owned),
            revision: None,
            revision_match: read_match(query, watch, &mut errors),
            bookmarks: query.flag("allowWatchBookmarks"),
            initial_events: query.flag("sendInitialEvents"),
            timeout_seconds: query
                .number("timeoutSeconds")?
                .and_then(|n| u64::try_from(n).ok())
                .filter(|n| *n > 0),
        };
        refuse("ListOptions", &errors)?;
        Ok(Self { revision: query.revision()?, ..options })
    }
}

fn read_match(query: &Query, watch: bool, errors: &mut FieldErrors) -> Option<RevisionMatch> {
    let initial_events = query.contains("sendInitialEvents");
    let text = query.get("resourceVersionMatch");
    if initial_events && !watch {
        errors.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
    } else if initial_events && text != Some("NotOlderThan") {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.forbidden(MATCH, detail);
    }
    let text = text?;
    if watch && !initial_events {
        let detail =
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        errors.forbidden(MATCH, detail);
    } else if !watch && query.get("resourceVersion").is_none() {
        let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
        errors.forbidden(MATCH, detail);
    }
    if query.get("continue").is_some() {
        errors.forbidden(MATCH, "resourceVersionMatch is forbidden when continue is provided");
    }
    match text {
        "Exact" if watch => errors.not_supported(MATCH, text, &["NotOlderThan"]),
        "Exact" if query.get("resourceVersion") == Some("0") => {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.forbidden(MATCH, detail);
        }
        "Exact" => return Some(RevisionMatch::Exact),
        "NotOlderThan" => return Some(RevisionMatch::NotOlderThan),
        _ if watch => errors.not_supported(MATCH, text, &["NotOlderThan"]),
        _ => errors.not_supported(MATCH, text, &["Exact", "NotOlderThan", ""]),
    }
    None
}

/// What a create, update or patch asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteOptions {
    pub(crate) field_manager: Option<String>,
    /// Whether the request itself names its manager, as apply demands.
    pub(crate) names_manager: bool,
    pub(crate) dry_run: bool,
    pub(crate) validation: FieldValidation,
    pub(crate) force: Option<bool>,
    pub(crate) fence: Option<store::Fence>,
    /// What the audit is told of the write.
    pub(crate) trail: Option<Arc<Trail>>,
}

impl WriteOptions {
    /// `name` is the options' kind in Kubernetes, which its refusals name: `CreateOptions`.
    pub(crate) fn read(query: &Query, name: &str) -> Result<Self, ApiError> {
        let mut errors = FieldErrors::default();
        let validation =
            FieldValidation::parse(query.get("fieldValidation").unwrap_or_default(), name)?;
        let manager = query.get("fieldManager");
        check_manager(manager.unwrap_or_default(), &mut errors);
        let options = Self {
            field_manager: manager.map(str::to_owned),
            names_manager: manager.is_some(),
            dry_run: read_dry_run(query.all("dryRun"), &mut errors),
            validation,
            force: query.contains("force").then(|| query.flag("force")),
            fence: None,
            trail: None,
        };
        refuse(name, &errors)?;
        Ok(options)
    }
}

fn check_manager(manager: &str, errors: &mut FieldErrors) {
    if manager.len() > MANAGER_BYTES_MAX {
        let detail = format!("may not be more than {MANAGER_BYTES_MAX} bytes");
        errors.push("fieldManager", Problem::TooLong, detail);
    }
    for (at, c) in manager.char_indices().filter(|(_, c)| c.is_control()) {
        let detail = format!("invalid character U+{:04X} (at position {at})", u32::from(c));
        errors.invalid("fieldManager", manager, detail);
    }
}

/// `All` is the only dry run there is.
pub(crate) fn read_dry_run<'v>(
    values: impl Iterator<Item = &'v str>,
    errors: &mut FieldErrors,
) -> bool {
    let mut dry_run = false;
    for value in values.filter(|value| !value.is_empty()) {
        match value {
            "All" => dry_run = true,
            other => errors.not_supported("dryRun", other, &["All"]),
        }
    }
    dry_run
}

/// The refusal of options, if there is anything to refuse.
pub(crate) fn refuse(name: &str, errors: &FieldErrors) -> Result<(), ApiError> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(&format!("{name}.meta.k8s.io"), "", errors))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> Result<ListOptions, ApiError> {
        ListOptions::read(&Query::parse(query))
    }

    #[test]
    fn reads_what_clients_send() {
        let options = list("allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeoutSeconds=300&watch=true&fieldSelector=metadata.name%3Da").unwrap();
        assert!(options.bookmarks && options.initial_events);
        assert_eq!(options.fields.as_deref(), Some("metadata.name=a"));
        assert_eq!(list("limit=500&resourceVersion=0").unwrap().limit, Some(500));
        assert!(!Query::parse("watch=false").flag("watch"));
    }

    #[test]
    fn refuses_what_kubernetes_refuses() {
        for (query, message) in [
            ("resourceVersionMatch=Exact", "forbidden unless resourceVersion is provided"),
            ("watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=1", "forbidden for watch"),
            ("sendInitialEvents=true", "forbidden for list"),
            ("watch=1&sendInitialEvents=true", "requires setting resourceVersionMatch"),
        ] {
            let error = list(query).unwrap_err();
            assert_eq!(error.code(), 422, "{query}");
            assert!(error.message.contains(message), "{query}: {}", error.message);
        }
        let dry = WriteOptions::read(&Query::parse("dryRun=None"), "CreateOptions").unwrap_err();
        assert!(dry.message.contains("CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: \"None\": supported values: \"All\""));
    }
}
