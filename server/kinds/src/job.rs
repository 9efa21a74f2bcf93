//! Job.

use jiff::Timestamp;
use k8s_openapi::api::{batch::v1, core::v1::PodSpec};
use object::FieldErrors;
use serde_json::Value;

use crate::{
    Column, Field, Kind, Subresource, column, field,
    parts::{cells, check, template},
};

mod policy;
mod selector;
mod validation;

pub(crate) use validation::validate_spec;

pub struct Job;

impl Kind for Job {
    type Object = v1::Job;
    const CATEGORIES: &'static [&'static str] = &["all"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::Job, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Status", status).described("Status of the job."),
        column("Completions", completions),
        column("Duration", duration).described("Time required to complete the job."),
        cells::age(),
        column("Containers", |job, _| cells::container_names(pod(job)))
            .wide()
            .described("Names of each container in the template."),
        column("Images", |job, _| cells::container_images(pod(job)))
            .wide()
            .described("Images referenced by each container in the template."),
        column("Selector", |job: &v1::Job, _| {
            cells::maybe_selector(job.spec.as_ref().and_then(|spec| spec.selector.as_ref()))
        })
        .wide(),
    ];
    const FIELDS: &'static [Field<Self::Object>] =
        &[field("status.successful", |job| succeeded(job).to_string())];
    const GENERATION: bool = true;

    fn set_defaults(job: &mut v1::Job) {
        let spec = job.spec.get_or_insert_default();
        template::set_defaults(spec.template.spec.get_or_insert_default());
        if spec.completions.is_none() && spec.parallelism.is_none() {
            spec.completions = Some(1);
        }
        spec.parallelism.get_or_insert(1);
        let retries = if spec.backoff_limit_per_index.is_some() { i32::MAX } else { 6 };
        spec.backoff_limit.get_or_insert(retries);
        check::default_text(&mut spec.completion_mode, "NonIndexed");
        spec.suspend.get_or_insert(false);
        spec.manual_selector.get_or_insert(false);
        policy::set_defaults(spec);
        let labels = spec.template.metadata.as_ref().and_then(|meta| meta.labels.clone());
        if job.metadata.labels.as_ref().is_none_or(|labels| labels.is_empty()) {
            job.metadata.labels = labels;
        }
    }

    fn prepare_create(job: &mut v1::Job) {
        selector::generate(job);
        job.status = Some(v1::JobStatus::default());
    }

    fn validate(job: &v1::Job, errors: &mut FieldErrors) {
        validation::validate(job, errors);
    }

    fn validate_update(new: &v1::Job, old: &v1::Job, errors: &mut FieldErrors) {
        validation::validate_update(new, old, errors);
    }
}

fn pod(job: &v1::Job) -> Option<&PodSpec> {
    job.spec.as_ref()?.template.spec.as_ref()
}

fn succeeded(job: &v1::Job) -> i32 {
    job.status.as_ref().and_then(|status| status.succeeded).unwrap_or_default()
}

fn status(job: &v1::Job, _: Timestamp) -> Value {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref());
    let holds = |name: &str| {
        let mut named = conditions.unwrap_or_default().iter().filter(|one| one.type_ == name);
        named.any(|one| one.status == "True")
    };
    let told = ["Complete", "Failed"].into_iter().find(|name| holds(name));
    let told = told.or_else(|| job.metadata.deletion_timestamp.as_ref().map(|_| "Terminating"));
    told.or_else(|| {
        let names = ["Suspended", "FailureTarget", "SuccessCriteriaMet"];
        names.into_iter().find(|name| holds(name))
    })
    .unwrap_or("Running")
    .into()
}

fn completions(job: &v1::Job, _: Timestamp) -> Value {
    let spec = job.spec.as_ref();
    let done = succeeded(job);
    if let Some(wanted) = spec.and_then(|spec| spec.completions) {
        return format!("{done}/{wanted}").into();
    }
    match spec.and_then(|spec| spec.parallelism) {
        Some(width) if width > 1 => format!("{done}/1 of {width}").into(),
        _ => format!("{done}/1").into(),
    }
}

fn duration(job: &v1::Job, now: Timestamp) -> Value {
    let status = job.status.as_ref();
    let Some(start) = status.and_then(|status| status.start_time.as_ref()) else {
        return "".into();
    };
    let end = status.and_then(|status| status.completion_time.as_ref()).map_or(now, |end| end.0);
    cells::duration(end.as_second() - start.0.as_second()).into()
}
